import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { alarm, ringing } from '../test/samples';
import { settle } from '../test/settle';
import HealthView from './health-view';

// Drawing takes long here, and shows nothing: the same numbers are in the table.
vi.mock('../ui/chart/lines-plot', () => ({ default: () => null }));

const READY = 'GET /readyz';
const ALARMS = 'GET /v1/alarms';
const HISTORY = 'GET /v1/health/history';

const LAYERS = [
  alarm('speed_lag', { value: 1.5 }),
  alarm('speed_backlog', { value: 3, threshold: 20_000, unit: 'batches' }),
  alarm('lake_lag', { value: 250, threshold: 300 }),
  alarm('lake_backlog', { value: 7, threshold: 200_000, unit: 'batches' }),
  alarm('disk_free', { value: 70_000, threshold: 1_024, unit: 'MiB' }),
];
const SERIES = {
  start: '2026-03-09T14:00:00Z',
  step_seconds: 60,
  series: { events_per_second: [4.94, 5.06], free_bytes: [8e9, 7e9], lake_lag_seconds: [2, 61] },
};

let server: FakeServer;

async function show(at = '/operations/health') {
  const shown = await renderPage(<HealthView />, { at });
  await settle(100);
  return { ...shown, user: userEvent.setup({ advanceTimers: vi.advanceTimersByTime }) };
}

beforeEach(() => {
  vi.useFakeTimers();
  server = fakeServer({
    [READY]: { status: 'ok' },
    [ALARMS]: { alarms: [alarm('speed_lag')], history: [] },
    [HISTORY]: SERIES,
  });
});

test('that all is well is said in one sentence', async () => {
  await show();
  expect(screen.getByText('Everything is in order.')).toBeVisible();
});

test('each layer has its numbers and whether they are in order', async () => {
  server.answers[ALARMS] = { alarms: LAYERS, history: [] };
  await show();
  const numbers = (layer: string) => screen.getByRole('region', { name: layer }).textContent;
  expect(numbers('Live counters')).toBe('Lag1.5 srings above 1 minBacklog3rings above 20,000 batches');
  expect(numbers('Lake')).toContain('Lag4 min 10 s');
  expect(numbers('API')).toContain('Events a second5.1');
  expect(numbers('Disk')).toContain('Free disk7 GBrings below 1,024 MiB');
  const states = screen.getAllByRole('heading', { level: 3 }).map((heading) => heading.textContent);
  expect(states).toEqual(['Live counters In order', 'Lake Watch', 'API In order', 'Disk In order']);
});

test('why the system is not ready comes first; the page itself is well', async () => {
  server.answers[READY] = problem(503, 'not_ready', 'speed has 9 batches to do and has not moved for 20 s.');
  server.answers[ALARMS] = { alarms: [...LAYERS, ringing('dead_letters')], history: [] };
  await show();
  const found = within(screen.getByRole('status', { name: 'What is not in order' })).getAllByRole('listitem');
  expect(found.map((item) => item.textContent)).toEqual([
    'Bad speed has 9 batches to do and has not moved for 20 s.',
    'Bad dead_letters rings. Now: 1 min 30 s.',
    'Watch Lake lag rings above 5 min. Now: 4 min 10 s.',
  ]);
  expect(screen.getByRole('heading', { name: 'Live counters Not in order' })).toBeVisible();
  expect(screen.queryByRole('alert')).toBeNull();
});

test('it is asked again every ten seconds', async () => {
  await show();
  server.answers[READY] = problem(503, 'not_ready', 'Free some space.');
  await settle(10_100);
  expect(screen.getByText('Free some space.')).toBeVisible();
});

test('a server that cannot be reached is not in order', async () => {
  await show();
  server.answers[READY] = () => Promise.reject(new TypeError('network'));
  await settle(30_000);
  expect(screen.getByText(/The server cannot be reached/)).toBeVisible();
});

test('the range is in the address; charts have their numbers as a table', async () => {
  const { user, router } = await show('/operations/health?hours=6');
  expect(server.query(HISTORY)).toEqual({ hours: '6' });
  await user.selectOptions(screen.getByLabelText('Last'), '7 days');
  await settle(100);
  expect(router.state.location.search).toBe('?hours=168');
  expect(server.query(HISTORY)).toEqual({ hours: '168' });
  await user.click(within(screen.getByRole('figure', { name: 'Lag, in seconds' })).getByText(/Numbers as a table/));
  const rows = within(screen.getByRole('table', { name: 'Lag, in seconds' })).getAllByRole('row');
  expect(rows[2]).toHaveTextContent(/–1 min 1 s$/);
});

test('whoever may not see it is told so', async () => {
  for (const route of [ALARMS, HISTORY]) server.answers[route] = problem(403, 'forbidden', 'It needs admin.');
  await show();
  expect(screen.getAllByText(/You may not see this/)).toHaveLength(2);
});
