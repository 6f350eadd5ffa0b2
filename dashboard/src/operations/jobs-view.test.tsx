import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { job, jobRun } from '../test/samples';
import { settle } from '../test/settle';
import JobsView from './jobs-view';

const JOBS = 'GET /v1/jobs';
const RUN = 'POST /v1/jobs/compact/run';
const HISTORY = 'GET /v1/jobs/compact/history';
const ONE_RUN = 'GET /v1/jobs/compact/history/compact-1';

let server: FakeServer;

async function show(at = '/operations/jobs') {
  const shown = await renderPage(<JobsView />, { at });
  await settle(100);
  return { ...shown, user: userEvent.setup({ advanceTimers: vi.advanceTimersByTime }) };
}

const cells = (row: HTMLElement) => [...row.children].map((cell) => cell.textContent);
const rowOf = (name: string) => screen.getByText(name, { selector: 'strong' }).closest('tr') as HTMLElement;

beforeEach(() => {
  vi.useFakeTimers();
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  const failed = jobRun('tier', { status: 'failed', error: 'The folder is away.', seconds: 1.2 });
  server = fakeServer({
    [JOBS]: {
      jobs: [
        job('compact', { cron: '20 * * * *', next_run_at: inAnHour }),
        job('replay'),
        job('tier', { cron: '20 1 * * *', last_run: failed, failures: 2 }),
      ],
    },
    [HISTORY]: { runs: [] },
  });
});

test('all jobs, those that fail first', async () => {
  await show();
  const [, ...rows] = screen.getAllByRole('row');
  expect(rows.map((row) => row.querySelector('strong')?.textContent)).toEqual(['tier', 'compact', 'replay']);
  const [, schedule, last, result, failures] = cells(rowOf('tier'));
  expect(schedule).toBe('–daily at 01:20 UTC');
  expect(last).toMatch(/^failed .* agotook 1.2 s$/);
  expect([result, failures]).toEqual(['The folder is away.', '2']);
  expect(cells(rowOf('compact'))[1]).toBe('in 1 hhourly at :20');
});

test('a job that must be told about what is run by its command', async () => {
  await show();
  expect(cells(rowOf('replay'))[1]).toBe('–when asked forby cloudpulse replay');
  expect(within(rowOf('replay')).queryByRole('button', { name: 'Run now' })).toBeNull();
});

async function runCompact() {
  const shown = await show();
  await shown.user.click(within(rowOf('compact')).getByRole('button', { name: 'Run now' }));
  const dialog = screen.getByRole('dialog', { name: 'Run compact now?' });
  expect(dialog).toHaveTextContent('What compact does.');
  await shown.user.click(within(dialog).getByRole('button', { name: 'Run now' }));
  await settle(100);
  await settle(100);
  return shown;
}

test('a job is run after it was confirmed, and followed until it is done', async () => {
  server.answers[RUN] = jobRun('compact', { status: 'waiting' });
  server.answers[ONE_RUN] = jobRun('compact', { status: 'waiting' });
  const { router } = await runCompact();
  expect(router.state.location.search).toBe('?job=compact&run=compact-1');
  expect(await server.requests.find((request) => request.method === 'POST')?.json()).toEqual({});
  expect(screen.getByRole('status')).toHaveTextContent('waiting Waits for those before it');
  server.answers[ONE_RUN] = jobRun('compact', { status: 'running', started_at: new Date().toISOString() });
  await settle(1_100);
  expect(screen.getByRole('status')).toHaveTextContent('running Runs; it began now.');
  server.answers[ONE_RUN] = jobRun('compact', { seconds: 4.2, result: { files: 3 } });
  await settle(1_100);
  expect(screen.getByRole('status')).toHaveTextContent('done It took 4.2 s. files: 3');
  const asked = server.requests.length;
  await settle(5_000);
  expect(server.requests.slice(asked).filter(({ url }) => url.endsWith('compact-1'))).toEqual([]);
});

test('why a run has failed is said', async () => {
  server.answers[RUN] = jobRun('compact', { status: 'waiting' });
  server.answers[ONE_RUN] = jobRun('compact', { status: 'failed', seconds: 1, error: 'The disk is full.' });
  await runCompact();
  expect(screen.getByRole('status')).toHaveTextContent('failed The disk is full. It took 1 s.');
});

test('a job that the server does not run says why in the dialog', async () => {
  server.answers[RUN] = problem(400, 'bad_request', 'It does not take these arguments.');
  const { router } = await runCompact();
  expect(within(screen.getByRole('dialog')).getByRole('alert')).toHaveTextContent('It does not take these arguments.');
  expect(router.state.location.search).toBe('');
});

test('the history of a job has its address', async () => {
  server.answers[HISTORY] = {
    runs: [
      jobRun('compact', { seconds: 2, result: { files: 3 }, scheduled_for: '2026-03-09T14:20:00Z' }),
      jobRun('compact', { id: 'compact-0', status: 'failed', error: 'The disk was full.' }),
    ],
  };
  const { user, router } = await show('/operations/jobs?job=compact');
  const [, newest, oldest] = within(screen.getByRole('table', { name: /All runs/ })).getAllByRole('row');
  expect(cells(newest as HTMLElement).slice(1, 6)).toEqual(['done', 'its time had come', '2 s', '1', 'files: 3']);
  expect(cells(oldest as HTMLElement).slice(1, 6)).toEqual(['failed', 'asked for', '–', '1', 'The disk was full.']);
  await user.click(within(oldest as HTMLElement).getByRole('button', { name: 'More' }));
  expect(screen.getByText(/"id": "compact-0"/)).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Close' }));
  expect(router.state.location.search).toBe('');
  await user.click(screen.getByRole('button', { name: 'History of compact' }));
  expect(router.state.location.search).toBe('?job=compact');
  expect(screen.getByRole('region', { name: 'Runs of compact' })).toHaveFocus();
});

test('without runs it says so; an unknown job too', async () => {
  const { unmount } = await show('/operations/jobs?job=compact');
  expect(screen.getByText('It has not run yet.')).toBeVisible();
  unmount();
  server.answers['GET /v1/jobs/nothing/history'] = problem(404, 'not_found', 'There is no job nothing.');
  await show('/operations/jobs?job=nothing');
  expect(screen.getByRole('alert')).toHaveTextContent('There is no job nothing.');
});

test('whoever may not see them is told so', async () => {
  server.answers[JOBS] = problem(403, 'forbidden', 'It needs admin.');
  await show();
  expect(screen.getByRole('alert')).toHaveTextContent('You may not see this');
});
