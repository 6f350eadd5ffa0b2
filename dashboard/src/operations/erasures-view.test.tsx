import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { enter } from '../test/enter';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { settle } from '../test/settle';
import ErasuresView from './erasures-view';
import type { JobRun } from './runs';
import type { Erasure } from './use-erasure';

const HISTORY = 'GET /v1/jobs/erase/history';
const ERASURE: Erasure = {
  id: 'e1',
  status: 'running',
  kind: 'user',
  subject: 'a-hash',
  received_before: '2026-03-09T14:00:00Z',
  error: null,
  record: null,
  signature: null,
};
const DONE: Erasure = { ...ERASURE, status: 'done', record: { removed: 12 }, signature: 'a.b.c' };
const RUN: JobRun = {
  id: 'run-1',
  name: 'erase',
  status: 'done',
  arguments: { id: 'e1', kind: 'user', subject: 'a-hash' },
  requested_at: '2026-03-09T14:00:00Z',
  attempts: 1,
};
let server: FakeServer;

const asked = () => server.requests.filter((request) => request.method === 'POST');

async function fill(id: string, again: string) {
  await userEvent.click(await screen.findByRole('button', { name: 'Erase …' }));
  await enter('Id of the user or session', id);
  await enter('The same id again', again);
}
const confirm = () => userEvent.click(screen.getByRole('button', { name: 'Erase for good' }));

beforeEach(() => {
  server = fakeServer({ [HISTORY]: { runs: [] }, 'POST /v1/erase': ERASURE, 'GET /v1/erase/e1': ERASURE });
});

test('an erasure is begun when the id was typed twice, and the address has nothing of it', async () => {
  const { router, container } = await renderPage(<ErasuresView />);
  await fill('ada', 'ada');
  await confirm();
  expect(await screen.findByText('running')).toBeVisible();
  expect(await asked()[0]?.json()).toEqual({ user_id: 'ada' });
  expect(router.state.location.search).toBe('?erasure=e1');
  expect(container.innerHTML).not.toContain('"ada"');
});

test('an erasure is followed until it is done', async () => {
  vi.useFakeTimers();
  await renderPage(<ErasuresView />, { at: '/?erasure=e1' });
  await settle();
  expect(screen.getByText('running')).toBeVisible();
  server.answers['GET /v1/erase/e1'] = DONE;
  await settle(2_100);
  expect(screen.getByText(/"removed": 12/)).toBeVisible();
});

test('ids that are not the same erase nothing', async () => {
  await renderPage(<ErasuresView />);
  await fill('ada', 'adam');
  await confirm();
  expect(await screen.findByRole('alert')).toHaveTextContent('The two ids are not the same.');
  expect(asked()).toEqual([]);
});

test('a session is erased by its id as it is', async () => {
  await renderPage(<ErasuresView />);
  await fill(' s 1', ' s 1');
  await userEvent.selectOptions(screen.getByLabelText('Whose events'), 'of a session');
  await confirm();
  await waitFor(() => expect(asked()).toHaveLength(1));
  expect(await asked()[0]?.json()).toEqual({ session_id: ' s 1' });
});

test('what the server refuses is said in the form', async () => {
  server.answers['POST /v1/erase'] = problem(503, 'overloaded', 'Try again later.');
  await renderPage(<ErasuresView />);
  await fill('ada', 'ada');
  await confirm();
  expect(await screen.findByRole('alert')).toHaveTextContent('Try again later.');
});

test('each erasure is listed once, and its signed record can be saved', async () => {
  server.answers[HISTORY] = { runs: [{ ...RUN, id: 'run-2', requested_at: '2026-03-09T14:10:00Z' }, RUN] };
  server.answers['GET /v1/erase/e1'] = DONE;
  const made: Blob[] = [];
  URL.createObjectURL = (blob) => `blob:${made.push(blob as Blob)}`;
  URL.revokeObjectURL = () => {};
  const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {});
  await renderPage(<ErasuresView />);
  expect(await screen.findByTitle('2026-03-09 14:00:00 UTC')).toBeVisible();
  await userEvent.click(screen.getByRole('button', { name: 'Open' }));
  await userEvent.click(await screen.findByRole('button', { name: 'Download, signed' }));
  expect(JSON.parse((await made[0]?.text()) ?? '')).toEqual({ record: { removed: 12 }, signature: 'a.b.c' });
  expect((click.mock.contexts[0] as HTMLAnchorElement).download).toBe('erasure-e1.json');
});

test('an erasure that failed says why', async () => {
  server.answers['GET /v1/erase/e1'] = { ...ERASURE, status: 'failed', error: 'The disk is full.' };
  await renderPage(<ErasuresView />, { at: '/?erasure=e1' });
  expect(await screen.findByText(/The disk is full/)).toBeVisible();
});

test('whoever may not see it is told so', async () => {
  server.answers[HISTORY] = problem(403, 'forbidden', 'It needs admin.');
  await renderPage(<ErasuresView />);
  expect(await screen.findByRole('alert')).toHaveTextContent('You may not see this');
});
