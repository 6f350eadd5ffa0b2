import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { settle } from '../test/settle';
import ReconciliationView from './reconciliation-view';
import type { JobRun } from './runs';
import type { Report } from './use-reconciliation';

const LIST = 'GET /v1/reconciliation';
const START = 'POST /v1/jobs/reconcile/run';
const RUN = 'GET /v1/jobs/reconcile/history/run-1';

const AGREED: Report = {
  at: '2026-03-09T14:00:00Z',
  status: 'ok',
  journal: 'the-journal',
  lake: 1_990,
  speed: 2_000,
  minutes_from: '2026-03-08T14:00:00Z',
  compared: { speed_minutes: 2_570, bronze_objects: 27 },
  found: 0,
  left: 0,
  differences: [],
  explained: [],
  files: [],
  ledger_gaps: [],
  todo: [],
};
const DIFFERS: Report = {
  ...AGREED,
  at: '2026-03-09T15:00:00Z',
  status: 'diverged',
  found: 4,
  left: 3,
  differences: [
    {
      layer: 'speed',
      kind: 'lost',
      minute: '2026-03-09T14:22:00Z',
      app: 'shop',
      event_type: 'page_view',
      expected: 1_200,
      found: 1_190,
      repaired: false,
    },
    {
      layer: 'batch',
      kind: 'doubled',
      hour: '2026-03-07T09:00:00Z',
      app: 'blog',
      event_type: 'click',
      expected: 5,
      found: 8,
      repaired: true,
    },
  ],
  explained: [
    { layer: 'batch', kind: 'dead-lettered', hour: '2026-03-07T10:00:00Z', expected: 2, found: 1, repaired: false },
  ],
  files: [{ store: 'bronze', kind: 'lost', path: 'lake/bronze/a.zst', events: 70, repaired: false }],
  ledger_gaps: ['7 events are gone.'],
  todo: ['`cloudpulse reconcile --repair` rebuilds silver.'],
};
const WAITING: JobRun = {
  id: 'run-1',
  name: 'reconcile',
  status: 'waiting',
  arguments: {},
  requested_at: '2026-03-09T15:00:00Z',
  attempts: 0,
};
let server: FakeServer;

const newest = () => within(screen.getByRole('region', { name: 'Newest report' }));
const press = (name: string) => userEvent.click(screen.getByRole('button', { name }));
const texts = (row: HTMLElement | undefined) =>
  within(row as HTMLElement)
    .getAllByRole('cell')
    .map((cell) => cell.textContent);

async function show(at = '/') {
  const shown = await renderPage(<ReconciliationView />, { at });
  await screen.findByRole('region', { name: 'Newest report' });
  return shown;
}

beforeEach(() => {
  server = fakeServer({ [LIST]: { reports: [AGREED] }, [START]: WAITING, [RUN]: WAITING });
});

test('the newest report says that all agrees, and up to where', async () => {
  await show();
  expect(newest().getByText('Agreed')).toBeVisible();
  expect(newest().getByText(/Everything agrees/)).toHaveTextContent('up to batch 2,000');
  expect(newest().getByText(/2,570 minutes of live counters, 27 bronze objects/)).toBeVisible();
});

test('a report says what differs, where and by how much, what is repaired, and what to do', async () => {
  server.answers[LIST] = { reports: [DIFFERS, AGREED] };
  await show();
  expect(newest().getByText(/4 differences were found, 3 of them are left/)).toBeVisible();
  const [, lost, doubled] = within(newest().getByRole('table', { name: 'What differs' })).getAllByRole('row');
  expect(texts(lost).slice(1)).toEqual([
    'Live counters',
    'page_view',
    'shop',
    '1,200',
    '1,190',
    '−10',
    'too few',
    'open',
  ]);
  expect(texts(doubled).slice(1)).toEqual(['Silver', 'click', 'blog', '5', '8', '+3', 'too many', 'repaired']);
  expect(within(lost as HTMLElement).getByTitle('2026-03-09 14:22:00 UTC')).toBeVisible();
  expect(newest().getByText('7 events are gone.')).toBeVisible();
  expect(newest().getByText('lake/bronze/a.zst')).toBeVisible();
  expect(newest().getByText('cloudpulse reconcile --repair', { selector: 'code' })).toBeVisible();
  expect(newest().getByRole('table', { name: 'Differences that dead letters explain' })).toHaveTextContent('−1');
});

test('older reports can be opened, and more of them asked for', async () => {
  server.answers[LIST] = { reports: [AGREED, DIFFERS] };
  await show('/?limit=50');
  expect(server.query(LIST)).toEqual({ limit: '50' });
  const table = within(screen.getByRole('table', { name: 'Reports' }));
  await userEvent.click(table.getAllByRole('button', { name: 'More' })[1] as HTMLElement);
  expect(table.getByText('7 events are gone.')).toBeVisible();
  await userEvent.selectOptions(screen.getByLabelText('Newest'), '200');
  await waitFor(() => expect(server.query(LIST)).toEqual({ limit: '200' }));
});

test('a comparison is put in line, and what it does is said until that is dismissed', async () => {
  const { router } = await show();
  await press('Compare now');
  expect(await screen.findByText('waiting')).toBeVisible();
  expect(await server.requests.findLast((request) => request.method === 'POST')?.json()).toEqual({ repair: false });
  expect(router.state.location.search).toBe('?run=run-1');
  await press('Dismiss');
  expect(router.state.location.search).toBe('');
});

test('a run is followed until it ends, and its report is shown', async () => {
  vi.useFakeTimers();
  await renderPage(<ReconciliationView />, { at: '/?run=run-1' });
  await settle();
  expect(newest().getByText('Agreed')).toBeVisible();
  server.answers[RUN] = { ...WAITING, status: 'done', seconds: 3, result: {} };
  server.answers[LIST] = { reports: [DIFFERS, AGREED] };
  await settle(1_100);
  expect(screen.getByText('done')).toBeVisible();
  expect(newest().getByText('Differs')).toBeVisible();
});

test('a repair is asked for after a question, and its report says what it did', async () => {
  server.answers[LIST] = { reports: [DIFFERS] };
  await show();
  await press('Repair');
  expect(screen.getByRole('dialog')).toHaveTextContent('silver is rebuilt from bronze');
  server.answers[RUN] = { ...WAITING, status: 'done', seconds: 3, result: {} };
  server.answers[LIST] = { reports: [{ ...AGREED, status: 'repaired', found: 4 }, DIFFERS] };
  await press('Compare and repair');
  expect(await newest().findByText('Repaired')).toBeVisible();
  expect(newest().getByText(/4 differences were found, and all is repaired/)).toBeVisible();
  expect(await server.requests.findLast((request) => request.method === 'POST')?.json()).toEqual({ repair: true });
});

test('a run that fails says why', async () => {
  server.answers[RUN] = { ...WAITING, status: 'failed', error: 'The disk is full.' };
  await show('/?run=run-1');
  expect(await screen.findByText(/The disk is full/)).toBeVisible();
});

test('what may not be started is said', async () => {
  server.answers[START] = problem(503, 'overloaded', 'Try again later.');
  await show();
  await press('Compare now');
  expect(await screen.findByRole('alert')).toHaveTextContent('Try again later.');
});

test('without reports it says how to make one', async () => {
  server.answers[LIST] = { reports: [] };
  await show();
  expect(newest().getByText(/Nothing was compared yet/)).toBeVisible();
});

test('whoever may not see it is told so', async () => {
  server.answers[LIST] = problem(403, 'forbidden', 'It needs events:read.');
  await renderPage(<ReconciliationView />);
  expect(await screen.findByRole('alert')).toHaveTextContent('You may not see this');
});
