import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { downloadCsv } from '../ui/csv';
import { sessionPath, userPath } from './history';
import SessionPage from './session-page';
import type { ListedEvent } from './use-event-history';
import UserPage from './user-page';

vi.mock('../ui/csv', () => ({ downloadCsv: vi.fn() }));

const ROUTE = 'GET /v1/events';

function event(name: string, minute: number, more: Partial<ListedEvent> = {}): ListedEvent {
  const at = `2026-03-09T10:${String(minute).padStart(2, '0')}:00.000Z`;
  return {
    event_id: name,
    event_type: 'custom',
    event_name: name,
    timestamp: at,
    received_at: at,
    app: 'shop',
    source: 'web',
    session_id: 'one/session',
    user_id: 'ada',
    properties: { page: '/cart' },
    metadata: {},
    ...more,
  };
}

const NEWEST = {
  events: [event('fourth', 9), event('third', 5)],
  next_cursor: 'next',
  complete_until: '2026-03-09T11:00:00Z',
};
const OLDEST = {
  events: [event('second', 1), event('first', 0)],
  next_cursor: null,
  complete_until: '2026-03-09T11:00:00Z',
};

let server: FakeServer;

const names = () =>
  screen.queryAllByText(/^(first|second|third|fourth)\b/).map((cell) => cell.textContent?.split(' ')[0]);
const card = (label: string) => screen.getByText(label, { selector: 'dt' }).parentElement as HTMLElement;
const showSession = (search = '') =>
  renderPage(<SessionPage />, { at: `/explore/sessions/one%2Fsession${search}`, path: '/explore/sessions/:sessionId' });
const showUser = () => renderPage(<UserPage />, { at: '/explore/users/ada', path: '/explore/users/:userId' });

beforeEach(() => {
  server = fakeServer({
    [ROUTE]: ({ url }: Request) => (new URL(url).searchParams.get('cursor') === 'next' ? OLDEST : NEWEST),
  });
});

test.each(['.', '..', 'a/b', 'a%2Fb', '~2e', '%', '?x=1#y', '//evil.example', '__proto__', '\u202e"<b>\n'])(
  'the address of %j leads to it',
  async (id) => {
    await renderPage(<SessionPage />, { at: sessionPath(id), path: '/explore/sessions/:sessionId' });
    await renderPage(<UserPage />, { at: userPath(id), path: '/explore/users/:userId' });
    expect(new URL(sessionPath(id), location.origin).pathname).toBe(sessionPath(id));
    expect(server.requests.map(({ url }) => [...new URL(url).searchParams.entries()][0])).toEqual([
      ['session_id', id],
      ['user_id', id],
    ]);
  },
);

test('a session is read from its beginning, and says while older events are missing', async () => {
  await showSession();
  expect(await screen.findByText('The newest 2 events are loaded; there are older ones.')).toBeVisible();
  expect(server.query(ROUTE)).toEqual({ session_id: 'one/session', limit: '500' });
  expect(names()).toEqual(['third', 'fourth']);
  expect(card('Events')).toHaveTextContent('2+');
  expect(card('Duration')).toHaveTextContent('4 minof those loaded');

  await userEvent.click(screen.getByRole('button', { name: 'Load older events' }));
  expect(await screen.findByText(/^first/)).toBeVisible();
  expect(server.query(ROUTE)).toEqual({ session_id: 'one/session', limit: '500', cursor: 'next' });
  expect(names()).toEqual(['first', 'second', 'third', 'fourth']);
  expect(screen.queryByText(/there are older ones/)).toBeNull();
  expect(card('Events')).toHaveTextContent(/4$/);
  expect(card('Duration')).toHaveTextContent(/9 min$/);
  expect(screen.getByText('+1 min')).toBeVisible();
  expect(within(card('User')).getByRole('link', { name: 'ada' })).toHaveAttribute('href', '/explore/users/ada');
});

test('the order is in the address', async () => {
  const { router } = await showSession();
  await userEvent.click(await screen.findByRole('button', { name: /Time/ }));
  expect(names()).toEqual(['fourth', 'third']);
  expect(router.state.location.search).toBe('?sort=-time');
});

test('days of the link are asked for, until all are wanted', async () => {
  const { router } = await showSession('?from=2024-01-02&to=2024-01-04');
  await screen.findByRole('table');
  expect(server.query(ROUTE)).toMatchObject({ date_from: '2024-01-02', date_to: '2024-01-04' });
  await userEvent.click(screen.getByRole('button', { name: 'All days up to now' }));
  expect(router.state.location.search).toBe('');
  await vi.waitFor(() => expect(server.query(ROUTE)).not.toHaveProperty('date_from'));
});

test('an event opens to all that is known, and all that is loaded is saved', async () => {
  await showSession();
  await userEvent.click((await screen.findAllByRole('button', { name: 'More' }))[0] as HTMLElement);
  expect(screen.getByText(/"event_id": "third"/)).toBeVisible();
  await userEvent.click(screen.getByRole('button', { name: 'CSV of the events' }));
  expect(vi.mocked(downloadCsv).mock.lastCall).toEqual([
    'events.csv',
    [event('third', 5), event('fourth', 9)],
    undefined,
  ]);
});

test('a user has the newest first, and a link to each session', async () => {
  server.answers[ROUTE] = { ...OLDEST, events: [event('second', 1, { session_id: 'other' }), event('first', 0)] };
  await showUser();
  await screen.findByRole('table');
  expect(server.query(ROUTE)).toEqual({ user_id: 'ada', limit: '500' });
  expect(names()).toEqual(['second', 'first']);
  expect(card('Sessions')).toHaveTextContent('2');
  expect(screen.getByRole('link', { name: 'other' })).toHaveAttribute(
    'href',
    '/explore/sessions/other?from=2026-03-08&to=2026-03-10',
  );
});

test('nothing to see is said', async () => {
  server.answers[ROUTE] = { events: [], next_cursor: null, complete_until: '2026-03-09T11:00:00Z' };
  await showSession();
  expect(await screen.findByText(/No events on these days/)).toBeVisible();
  expect(screen.queryByText('First seen')).toBeNull();
});

test('whoever may not see it is told so', async () => {
  server.answers[ROUTE] = problem(403, 'forbidden', 'It needs events:read.');
  await showSession();
  expect(await screen.findByRole('alert')).toHaveTextContent(/You may not see this/);
});
