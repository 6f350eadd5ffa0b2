import { act, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type FakeServer, fakeServer, fakeStream, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { settle } from '../test/settle';
import { LivePage } from './live-page';
import type { Realtime } from './realtime';
import type { TailEvent } from './tail';

// Drawing takes long here, and shows nothing: the same numbers are in the table.
vi.mock('../ui/chart/bars-plot', () => ({ default: () => null }));

const NUMBERS = 'GET /v1/realtime/stream';
const EVENTS = 'GET /v1/events/stream';

const numbers = fakeStreams();
const events = fakeStreams();
let server: FakeServer;

/** Streams of which the newest is pushed to. */
function fakeStreams() {
  let latest = fakeStream();
  return {
    answer: (request: Request) => {
      latest = fakeStream();
      return latest.answer(request);
    },
    push: (message: object, fields = '') => {
      latest.push(`${fields}data: ${JSON.stringify(message)}\n\n`);
      return settle();
    },
  };
}

function snapshot(total: number, more: Partial<Realtime> = {}): Realtime {
  const as_of = new Date().toISOString();
  const timeline = total ? [{ minute: as_of.slice(0, 16), page_view: total }] : [];
  return {
    lookback_minutes: 15,
    total_events: total,
    error_count: 0,
    error_rate_pct: 0,
    active_sessions: 7,
    by_event_type: {},
    timeline,
    as_of,
    ...more,
  };
}

function event(id: string, more: Partial<TailEvent> = {}): TailEvent {
  const at = new Date().toISOString();
  return {
    event_id: id,
    event_type: 'page_view',
    event_name: null,
    timestamp: at,
    received_at: at,
    app: 'shop',
    source: 'web',
    session_id: `session-of-${id}`,
    user_id: null,
    properties: { page: `/${id}` },
    metadata: {},
    ...more,
  };
}

const card = (label: string) => screen.getByText(label).parentElement as HTMLElement;
const pages = () => screen.queryAllByText(/^\/\w+$/).map((cell) => cell.textContent);

async function show(at = '/live') {
  const shown = await renderPage(<LivePage />, { at });
  await settle();
  return { ...shown, user: userEvent.setup({ advanceTimers: vi.advanceTimersByTime }) };
}

beforeEach(() => {
  // The samples count all in the present minute, which must not end meanwhile.
  vi.useFakeTimers({ now: Date.parse('2026-03-09T12:00:05Z') });
  server = fakeServer({
    [NUMBERS]: numbers.answer,
    [EVENTS]: events.answer,
    'GET /v1/events': { events: [event('first')], next_cursor: null, complete_until: '' },
  });
});

test('cards and chart follow the stream', async () => {
  await show();
  expect(screen.getByText(/Loading live numbers/)).toBeVisible();
  await numbers.push(snapshot(1_342, { error_rate_pct: 8.5, error_count: 114 }));
  expect(card('Events')).toHaveTextContent('1,342');
  expect(card('Error rate')).toHaveTextContent('8.5 %114 errors');
  expect(card('Active sessions')).toHaveTextContent('7');
  expect(screen.getByText('Live', { selector: '.badge' })).toBeVisible();
  await numbers.push(snapshot(1_343));
  expect(card('Events')).toHaveTextContent('1,343');
});

test('the rate is that of the last seconds, once these were watched', async () => {
  await show();
  await numbers.push(snapshot(60));
  expect(card('Events a second')).toHaveTextContent('two minutes');
  await settle(11_000);
  await numbers.push(snapshot(60));
  await settle(1_000);
  await numbers.push(snapshot(80));
  await settle(1_000);
  expect(card('Events a second')).toHaveTextContent('2in the last 10 seconds');
  await settle(11_000);
  expect(card('Events a second')).toHaveTextContent('0in the last 10 seconds');
});

test('the chart has its numbers as a table', async () => {
  const { user } = await show();
  await numbers.push(snapshot(9));
  await user.click(screen.getByText(/Numbers as a table/));
  const table = screen.getByRole('table', { name: /Events per minute and type/ });
  expect(within(table).getByText('9')).toBeVisible();
  expect(within(table).getAllByRole('row')).toHaveLength(1 + 16);
});

test('silence is said, and its end too', async () => {
  await show();
  await numbers.push(snapshot(1));
  await settle(15_000);
  expect(screen.getByText(/Stale: nothing heard for 1[45] s/)).toBeVisible();
  await numbers.push(snapshot(2));
  await settle(1_000);
  expect(screen.queryByText(/Stale/)).toBeNull();
});

test('without a stream the numbers are asked for again and again', async () => {
  let total = 10;
  server.answers[NUMBERS] = problem(501, 'not_implemented', 'No streams here.');
  server.answers['GET /v1/realtime'] = () => snapshot(total++);
  await show('/live?minutes=60');
  await settle(100);
  expect(server.query('GET /v1/realtime')).toEqual({ lookback_minutes: '60' });
  expect(card('Events')).toHaveTextContent('10');
  expect(screen.getByText('Live, every 2 seconds')).toBeVisible();
  await settle(2_100);
  expect(card('Events')).toHaveTextContent('11');
});

test('whoever may not see it is told so', async () => {
  for (const route of [NUMBERS, EVENTS, 'GET /v1/realtime', 'GET /v1/events']) {
    server.answers[route] = problem(403, 'forbidden', 'It needs events:read.');
  }
  await show();
  await settle(100);
  expect(screen.getAllByText(/You may not see this/)).toHaveLength(2);
});

test('the range is in the address', async () => {
  const { user, router } = await show();
  await user.selectOptions(screen.getByLabelText('Last'), '5');
  expect(router.state.location.search).toBe('?minutes=5');
  await settle(100);
  expect(server.query(NUMBERS)).toEqual({ lookback_minutes: '5' });
});

test('events come on top of those there were, with all that is known about them', async () => {
  const { user } = await show();
  expect(pages()).toEqual(['/first']);
  await settle(1_000);
  await events.push(event('second'));
  await settle(300);
  expect(pages()).toEqual(['/second', '/first']);
  expect(screen.getByRole('link', { name: 'session-of-s' })).toHaveAttribute(
    'href',
    '/explore/sessions/session-of-second',
  );
  await user.click(screen.getAllByRole('button', { name: 'More' })[0] as HTMLElement);
  expect(screen.getByText(/"event_id": "second"/)).toBeVisible();
});

test('what comes is shown while the events before it are on their way, or cannot be had', async () => {
  let answer: (listed: Response) => void = () => {};
  server.answers['GET /v1/events'] = () => new Promise((resolve) => (answer = resolve));
  const { user } = await show();
  await events.push(event('second'));
  await settle(300);
  expect(pages()).toEqual(['/second']);
  expect(screen.getByText('Loading older events …')).toBeVisible();

  answer(problem(400, 'unfit', 'The lake cannot be read.'));
  await settle(100);
  await events.push(event('third'));
  await settle(300);
  expect(pages()).toEqual(['/third', '/second']);
  expect(screen.getByRole('alert')).toHaveTextContent('The lake cannot be read.');

  server.answers['GET /v1/events'] = { events: [event('first', { received_at: '2026-03-09T11:00:00Z' })] };
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await settle(100);
  expect(pages()).toEqual(['/third', '/second', '/first']);
  expect(screen.queryByRole('alert')).toBeNull();
});

test('paused rows stay, and what comes is counted', async () => {
  const { user } = await show();
  await user.click(screen.getByRole('button', { name: 'Pause' }));
  await events.push(event('second'));
  await events.push(event('third'));
  await settle(300);
  expect(pages()).toEqual(['/first']);
  expect(screen.getByText('Paused. 2 new events.')).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Resume' }));
  expect(pages()).toHaveLength(3);
});

test('filters go to the server and into the address; text is looked for here', async () => {
  const { user, router } = await show('/live?app=shop');
  expect(server.query(EVENTS)).toEqual({ app: 'shop' });
  await user.selectOptions(screen.getByLabelText('Type'), 'error');
  await user.type(screen.getByLabelText('Text'), 'boom');
  await settle(400);
  await settle(100);
  expect(router.state.location.search).toBe('?app=shop&type=error&text=boom');
  expect(server.query(EVENTS)).toEqual({ app: 'shop', event_type: 'error' });
  expect(server.query('GET /v1/events')).toEqual({ limit: '500', event_type: 'error' });
  expect(screen.getByText(/No events that match/)).toBeVisible();
  await events.push(event('quiet', { event_type: 'error' }));
  await events.push(event('loud', { event_type: 'error', properties: { page: '/loud', message: 'Boom!' } }));
  await settle(300);
  expect(screen.getByText('Boom! · /loud')).toBeVisible();
  expect(screen.queryByText('/quiet')).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Clear' }));
  expect(router.state.location.search).toBe('');
});

test('events that were left out are not passed over in silence', async () => {
  await show();
  await events.push({}, 'event: left_out\n');
  expect(screen.getByText(/Some events are not shown/)).toBeVisible();
});

test('without a stream the events are asked for again and again', async () => {
  server.answers[EVENTS] = problem(501, 'not_implemented', 'No streams here.');
  await show();
  await settle(100);
  server.answers['GET /v1/events'] = { events: [event('second'), event('first')], next_cursor: null };
  await settle(2_200);
  expect(pages()).toContain('/second');
  expect(screen.getByText('New events every 2 seconds.')).toBeVisible();
});

test('a page that cannot be seen lets its connections go', async () => {
  await show();
  const asked = () => server.requests.filter((request) => request.url.includes('/stream')).length;
  const before = asked();
  const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
  act(() => void document.dispatchEvent(new Event('visibilitychange')));
  await settle(5 * 60_000);
  expect(asked()).toBe(before);
  visibility.mockReturnValue('visible');
  act(() => void document.dispatchEvent(new Event('visibilitychange')));
  await settle(100);
  expect(asked()).toBe(before + 2);
});
