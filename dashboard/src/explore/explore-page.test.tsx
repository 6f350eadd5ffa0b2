import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { settle } from '../test/settle';
import { downloadCsv } from '../ui/csv';
import ExplorePage from './explore-page';

// Drawing takes long here, and shows nothing: the same numbers are in the table.
vi.mock('../ui/chart/bars-plot', () => ({ default: () => null }));
vi.mock('../ui/chart/lines-plot', () => ({ default: () => null }));
vi.mock('../ui/csv', () => ({ downloadCsv: vi.fn() }));

// The whole page is drawn in each test, with all of its roles looked through.
vi.setConfig({ testTimeout: 20_000 });

const ROUTE = 'GET /v1/query';
const FACTS = {
  complete_until: '2026-03-09T11:59:59.000Z',
  execution_ms: 12,
  scanned_bytes: 4_100_000,
  truncated: false,
  cached: false,
};
const RESULTS: Record<string, object[]> = {
  event_count: [
    { event_type: 'page_view', event_count: 900 },
    { event_type: 'error', event_count: 100 },
  ],
  uniques: [
    { bucket: '2026-03-07T23:00:00Z', sessions: 20, users: 10 },
    { bucket: '2026-03-08T23:00:00Z', sessions: 40, users: 12 },
  ],
  timeseries: [{ bucket: '2026-03-08T23:00:00Z', event_count: 7 }],
  top_sessions: [
    {
      session_id: 'one/session',
      event_count: 32,
      first_seen: '2026-03-08T23:30:00.000Z',
      last_seen: '2026-03-09T00:02:00.000Z',
      user_id: 'ada',
    },
  ],
  errors: [
    {
      event_id: 'e1',
      timestamp: '2026-03-09T10:00:00.000Z',
      session_id: 's1',
      source: 'web',
      properties: { message: 'Boom' },
      metadata: { country: 'DE' },
    },
  ],
  breakdown: [
    { page: '/', event_count: 500, sessions: 30, users: 9 },
    { page: null, event_count: 250, sessions: 3, users: 1 },
  ],
};

let server: FakeServer;

type Query = Record<string, string>;
const queries = (): Query[] => server.requests.map((request) => Object.fromEntries(new URL(request.url).searchParams));
const asked = (type: string) => queries().filter(({ query_type }) => query_type === type);
const last = (type: string) => asked(type).at(-1);

function answer(query: Query) {
  return { ...FACTS, results: resultsOf(query) };
}

function resultsOf({ query_type = '', date_to = '', by = 'page' }: Query) {
  if (query_type === 'event_count' && date_to < '2026-03-03') return [{ event_type: 'page_view', event_count: 800 }];
  if (by !== 'page') return [{ [by]: 'signup', event_count: 4, sessions: 3, users: 2 }];
  return RESULTS[query_type];
}

const section = (title: string) => screen.getByRole('heading', { name: title }).closest('section') as HTMLElement;
const card = (label: string) => screen.getByText(label, { selector: 'dt' }).parentElement as HTMLElement;

async function show(at = '/explore') {
  const shown = await renderPage(<ExplorePage />, { at });
  await settle(100);
  return { ...shown, user: userEvent.setup({ advanceTimers: vi.advanceTimersByTime }) };
}

beforeEach(() => {
  vi.spyOn(Intl.DateTimeFormat.prototype, 'resolvedOptions').mockReturnValue({
    timeZone: 'Europe/Berlin',
  } as Intl.ResolvedDateTimeFormatOptions);
  // The spy comes first: fake time has formats of its own.
  vi.useFakeTimers({ now: Date.parse('2026-03-09T12:00:00Z') });
  vi.mocked(downloadCsv).mockClear();
  server = fakeServer({ [ROUTE]: ({ url }: Request) => answer(Object.fromEntries(new URL(url).searchParams)) });
});

test('all questions are about the same days of the visitor', async () => {
  await show();
  const days = { date_from: '2026-03-03', date_to: '2026-03-09', tz: 'Europe/Berlin' };
  expect(last('top_sessions')).toEqual({ query_type: 'top_sessions', limit: '10', ...days });
  expect(last('errors')).toEqual({ query_type: 'errors', limit: '10', ...days });
  expect(last('breakdown')).toEqual({ query_type: 'breakdown', by: 'page', limit: '10', ...days });
  expect(asked('uniques')).toContainEqual({ query_type: 'uniques', interval: 'day', ...days });
  expect(asked('timeseries')).toEqual([
    { query_type: 'timeseries', interval: 'hour', event_type: 'page_view', ...days },
    { query_type: 'timeseries', interval: 'hour', event_type: 'error', ...days },
  ]);
});

test('cards tell the numbers, and those of the days before', async () => {
  await show();
  expect(card('Events')).toHaveTextContent('1,000+25 % so far · before 800');
  expect(card('Sessions a day')).toHaveTextContent('30±0 % so far · before 30');
  expect(card('Error share')).toHaveTextContent('10 %100 errors · before 0 %');
  expect(asked('event_count')).toContainEqual({
    query_type: 'event_count',
    date_from: '2026-02-24',
    date_to: '2026-03-02',
    tz: 'Europe/Berlin',
  });
  expect(screen.getByText(/Feb 24 – Mar 2, 2026, the 7 days before/)).toBeVisible();
});

test('what cannot be counted is said on its cards', async () => {
  server.answers[ROUTE] = ({ url }: Request) =>
    url.includes('uniques')
      ? problem(400, 'too_large', 'Ask for fewer days.')
      : answer(Object.fromEntries(new URL(url).searchParams));
  await show('/explore?range=today');
  expect(card('Sessions')).toHaveTextContent('–Ask for fewer days.');
  expect(card('Events')).toHaveTextContent('1,000');
});

test('types have their share, the chart its numbers', async () => {
  const { user } = await show('/explore?range=today');
  expect(
    within(section('Events by type'))
      .getAllByRole('listitem')
      .map((item) => item.textContent),
  ).toEqual(['Page view90 %900', 'Error10 %100']);
  await user.click(within(section('Events over time')).getByText(/Numbers as a table/));
  const rows = within(screen.getByRole('table', { name: 'Events per hour and type' })).getAllByRole('row');
  expect(rows[1]).toHaveTextContent('Mar 9, 12:00 AM77');
  expect(rows).toHaveLength(1 + 14);
});

test('a range is chosen and is in the address', async () => {
  const { user, router } = await show();
  await user.selectOptions(screen.getByLabelText('Days'), 'Last month');
  await settle(100);
  expect(router.state.location.search).toBe('?range=last-month');
  expect(last('breakdown')).toMatchObject({ date_from: '2026-02-01', date_to: '2026-02-28' });
  expect(asked('timeseries').at(-1)).toMatchObject({ interval: 'day' });
  expect(screen.getByLabelText('From')).toHaveValue('2026-02-01');
  expect(card('Events')).not.toHaveTextContent('so far');
});

test('days are chosen one by one', async () => {
  const { user, router } = await show();
  await user.clear(screen.getByLabelText('From'));
  await user.type(screen.getByLabelText('From'), '2026-03-01');
  await settle(100);
  expect(router.state.location.search).toBe('?range=custom&from=2026-03-01&to=2026-03-09');
  expect(last('breakdown')).toMatchObject({ date_from: '2026-03-01', date_to: '2026-03-09' });
});

test('days can be those of UTC', async () => {
  const { user, router } = await show();
  await user.selectOptions(screen.getByLabelText('Time zone of the days'), 'UTC');
  await settle(100);
  expect(router.state.location.search).toBe('?tz=UTC');
  expect(last('breakdown')).toMatchObject({ tz: 'UTC' });
});

test('the width of buckets is chosen; what would be too many is not offered', async () => {
  const { user } = await show('/explore?interval=minute');
  expect(asked('timeseries').at(-1)).toMatchObject({ interval: 'hour' });
  expect(screen.queryByRole('option', { name: 'minute' })).toBeNull();
  await user.selectOptions(screen.getByLabelText('By'), 'day');
  await settle(100);
  expect(asked('timeseries').at(-1)).toMatchObject({ interval: 'day' });
});

test('a value that is clicked becomes a filter, which can be taken away', async () => {
  const { user, router } = await show();
  await user.click(within(section('Breakdown')).getByRole('button', { name: '/' }));
  await settle(100);
  expect(router.state.location.search).toBe('?page=%2F');
  for (const type of Object.keys(RESULTS)) expect(last(type)).toMatchObject({ page: '/' });
  await user.click(screen.getByRole('button', { name: 'Remove the filter Page: /' }));
  expect(router.state.location.search).toBe('');
  await act(() => router.navigate(-1));
  await settle(100);
  expect(screen.getByRole('button', { name: /Remove the filter/ })).toBeVisible();
});

test('a filter is typed; all go at once', async () => {
  const { user, router } = await show();
  await user.selectOptions(screen.getByLabelText('Field'), 'Source');
  await user.selectOptions(screen.getByLabelText('Is exactly'), 'mobile');
  await user.click(screen.getByRole('button', { name: 'Add' }));
  await user.selectOptions(screen.getByLabelText('Field'), 'User');
  await user.type(screen.getByLabelText('Is exactly'), 'ada b{Enter}');
  await settle(100);
  expect(router.state.location.search).toBe('?source=mobile&user_id=ada+b');
  expect(last('uniques')).toMatchObject({ source: 'mobile', user_id: 'ada b' });
  await user.click(screen.getByRole('button', { name: 'Clear all filters' }));
  expect(router.state.location.search).toBe('');
});

test('with a type the errors of other types are not asked for', async () => {
  const { user } = await show();
  const before = asked('errors').length;
  await user.click(within(section('Events by type')).getByRole('button', { name: 'Page view' }));
  await settle(100);
  expect(last('breakdown')).toMatchObject({ event_type: 'page_view' });
  expect(asked('errors')).toHaveLength(before);
  expect(screen.queryByRole('heading', { name: 'Recent errors' })).toBeNull();
  expect(screen.queryByText('Error share')).toBeNull();
});

test('the newest errors are shown for the type error too, whose question knows no type', async () => {
  await show('/explore?event_type=error');
  expect(last('errors')).not.toHaveProperty('event_type');
  expect(section('Recent errors')).toHaveTextContent('Boom');
});

test('a session leads to its events on the days around it', async () => {
  await show();
  expect(screen.getByRole('link', { name: 'one/session' })).toHaveAttribute(
    'href',
    '/explore/sessions/one%2Fsession?from=2026-03-07&to=2026-03-10',
  );
  expect(screen.getByRole('link', { name: 'ada' })).toHaveAttribute('href', '/explore/users/ada');
});

test('an error opens to its properties and metadata', async () => {
  const { user } = await show();
  await user.click(within(section('Recent errors')).getByRole('button', { name: 'More' }));
  expect(screen.getByText(/"message": "Boom"/)).toHaveTextContent('"country": "DE"');
});

test('another breakdown, more rows and another order are in the address', async () => {
  const { user, router } = await show();
  const breakdown = within(section('Breakdown'));
  await user.click(breakdown.getByRole('button', { name: /Users/ }));
  await user.selectOptions(breakdown.getByLabelText('Rows'), '50');
  await user.click(breakdown.getByRole('button', { name: 'Event name' }));
  await settle(100);
  expect(router.state.location.search).toBe('?values_sort=-users&values=50&by=event_name');
  expect(last('breakdown')).toMatchObject({ by: 'event_name', limit: '50' });
  expect(breakdown.getByRole('cell', { name: 'signup' })).toBeVisible();
  expect(breakdown.queryByRole('button', { name: 'signup' })).toBeNull();
});

test('what is shown is saved as a file', async () => {
  const { user } = await show('/explore?range=today');
  const save = async (title: string) => {
    await user.click(screen.getByRole('button', { name: `CSV of ${title}` }));
    return vi.mocked(downloadCsv).mock.lastCall;
  };
  expect(await save('Breakdown')).toEqual(['events-by-page-2026-03-09-2026-03-09.csv', RESULTS.breakdown, undefined]);
  const [name, rows] = (await save('Events over time')) ?? [];
  expect(name).toBe('events-by-hour-2026-03-09-2026-03-09.csv');
  expect(rows).toHaveLength(14);
  expect(rows?.slice(0, 2)).toEqual([
    { bucket: '2026-03-08T23:00:00Z', page_view: 7, error: 7 },
    { bucket: '2026-03-09T00:00:00Z', page_view: 0, error: 0 },
  ]);
});

test('an answer says how fresh and how whole it is', async () => {
  server.answers[ROUTE] = ({ url }: Request) => ({
    ...answer(Object.fromEntries(new URL(url).searchParams)),
    truncated: url.includes('top_sessions'),
    cached: url.includes('breakdown'),
  });
  await show();
  expect(section('Top sessions')).toHaveTextContent(
    /Only the first 1: there are more\. Complete up to .* 12 ms · 4.1 MB scanned/,
  );
  expect(section('Breakdown')).toHaveTextContent(/12 ms · from memory/);
  expect(section('Breakdown')).not.toHaveTextContent('Only the first');
});

test('numbers move while the days are not over, and only then', async () => {
  await show('/explore?range=today');
  const before = asked('top_sessions').length;
  server.answers[ROUTE] = problem(404, 'gone', 'Not now.');
  await settle(21_000);
  expect(asked('top_sessions').length).toBe(before + 1);
  expect(section('Top sessions')).toHaveTextContent('one/session');
  expect(section('Top sessions')).toHaveTextContent('Not refreshed: Not now.');
});

test('days that are over are not asked for again', async () => {
  await show('/explore?range=yesterday');
  const before = server.requests.length;
  await settle(120_000);
  expect(server.requests).toHaveLength(before);
});

test('old numbers stay while others load', async () => {
  const { user } = await show();
  server.answers[ROUTE] = () => new Promise(() => {});
  await user.selectOptions(screen.getByLabelText('Days'), 'Last 30 days');
  await settle(100);
  expect(section('Events by type')).toHaveTextContent('900');
  expect(section('Events by type').querySelector('[aria-busy="true"]')).not.toBeNull();
});

test('without events it says so, once', async () => {
  server.answers[ROUTE] = { ...FACTS, results: [] };
  await show();
  expect(screen.getByText(/No events on these days that match/)).toBeVisible();
  expect(server.requests).toHaveLength(1);
});

test.each([
  ['a page that may not be seen', problem(403, 'forbidden', 'It needs events:read.'), /You may not see this/],
  [
    'a question that is wrong',
    problem(400, 'invalid_parameter', 'The range has 500 days; ask for at most 400.'),
    /ask for at most 400/,
  ],
])('%s is said once', async (_, refusal, words) => {
  server.answers[ROUTE] = refusal;
  await show();
  await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent(words));
});
