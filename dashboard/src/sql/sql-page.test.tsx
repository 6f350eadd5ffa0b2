import { forEachDiagnostic } from '@codemirror/lint';
import { EditorView, runScopeHandlers } from '@codemirror/view';
import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import SqlPage from './sql-page';
import type { Answer } from './use-answer';

// Drawing takes long here, and shows nothing: the same numbers are in the table.
vi.mock('../ui/chart/bars-plot', () => ({ default: () => null }));
vi.mock('../ui/chart/lines-plot', () => ({ default: () => null }));

const RUN = 'POST /v1/query/sql';
const ERRORS = 'GET /v1/query/named/error_rate';

let server: FakeServer;

function answer(results: Answer['results'], columns: Record<string, string>, more: Partial<Answer> = {}): Answer {
  return {
    query_type: 'sql',
    query_execution_id: crypto.randomUUID(),
    rows_returned: results.length,
    scanned_bytes: 1_200_000,
    execution_ms: 250,
    date_from: null,
    date_to: null,
    columns: Object.entries(columns).map(([name, type]) => ({ name, type })),
    results,
    truncated: false,
    cached: false,
    complete_until: '2026-03-09T14:22:31.402Z',
    ...more,
  };
}

const PAGES = answer(
  [
    { page: '/cart', views: 12, last: '2026-03-09T14:22:31.402Z', tags: { a: 1 } },
    { page: null, views: 7, last: null, tags: null },
  ],
  { page: 'VARCHAR', views: 'BIGINT', last: 'TIMESTAMP WITH TIME ZONE', tags: 'STRUCT(a INTEGER)' },
);

/** The editor, which lives in a shadow root. */
function editor(): EditorView {
  const root = document.querySelector('.sql-editor')?.shadowRoot;
  return EditorView.findFromDOM(root?.querySelector('.cm-editor') as HTMLElement) as EditorView;
}

const text = () => editor().state.doc.toString();

function type(sql: string) {
  act(() => editor().dispatch({ changes: { from: 0, to: editor().state.doc.length, insert: sql } }));
}

const press = (name: string | RegExp) => userEvent.click(screen.getByRole('button', { name }));
const cells = () => [...document.querySelectorAll('.sql-result tbody td:first-child')].map((cell) => cell.textContent);

const show = (at = '/sql', scopes?: readonly string[]) => renderPage(<SqlPage />, { at, scopes });

beforeEach(() => {
  server = fakeServer({
    [RUN]: PAGES,
    'GET /v1/query/sql/schema': {
      tables: [{ name: 'events', columns: [{ name: 'event_id', type: 'VARCHAR' }] }],
    },
    'GET /v1/query/named': {
      queries: [
        {
          name: 'error_rate',
          description: 'The share of errors by hour.',
          columns: ['hour', 'errors'],
          sql: 'SELECT 1 FROM events WHERE timestamp >= ? AND timestamp < ?',
        },
      ],
    },
  });
});

test('a statement is run, and what it took is told', async () => {
  const { router } = await show();
  type('SELECT page');
  await press('Run');
  expect(await screen.findByText('Done: 2 rows.')).toBeVisible();
  expect(await server.requests.at(-1)?.json()).toEqual({ sql: 'SELECT page', limit: 1_000 });
  expect(new URLSearchParams(router.state.location.search).get('sql')).toBe('SELECT page');
  expect(screen.getByText('250 ms')).toBeVisible();
  expect(screen.getByText('1.2 MB scanned')).toBeVisible();
  expect(screen.getByText('/cart')).toBeVisible();
  expect(screen.getByText('12').closest('td')).toHaveClass('number');
  expect(screen.getByText('{"a":1}')).toBeVisible();
  expect(screen.getAllByText('null')).toHaveLength(3);
  expect(screen.getAllByTitle('2026-03-09 14:22:31 UTC')).toHaveLength(2);
});

test('the keys of the editor run what stands there, and the most rows that are wanted', async () => {
  await show();
  await userEvent.selectOptions(screen.getByLabelText('Rows at most'), '100');
  type('SELECT 1');
  act(() => {
    runScopeHandlers(editor(), new KeyboardEvent('keydown', { key: 'Enter', ctrlKey: true }), 'editor');
  });
  await screen.findByText('Done: 2 rows.');
  expect(await server.requests.at(-1)?.json()).toEqual({ sql: 'SELECT 1', limit: 100 });
});

test('an answer from memory, and one that was cut off', async () => {
  server.answers[RUN] = { ...PAGES, cached: true, truncated: true };
  await show();
  await press('Run');
  expect(await screen.findByText('from memory')).toBeVisible();
  expect(screen.getByText(/the answer has more/)).toBeVisible();
});

test('what the server refuses stands at the editor, and where it says so it is marked', async () => {
  server.answers[RUN] = problem(400, 'bad_request', 'It cannot be read: unexpected at line 2, column 8.');
  await show();
  type('SELECT 1\nFROM FRM x');
  await press('Run');
  expect(await screen.findByRole('alert')).toHaveTextContent('It cannot be read: unexpected at line 2, column 8.');
  const marked: string[] = [];
  forEachDiagnostic(editor().state, (_, from, to) => marked.push(editor().state.sliceDoc(from, to)));
  expect(marked).toEqual(['FRM']);
  server.answers[RUN] = problem(504, 'query_timeout', 'The query took more than 30 s.');
  await press('Run');
  expect(await screen.findByText('The query took more than 30 s.')).toBeVisible();
  server.answers[RUN] = () => Promise.reject(new TypeError('Failed to fetch'));
  await press('Run');
  expect(await screen.findByText(/The server cannot be reached. Run the statement again/)).toBeVisible();
});

test('cancel lets go of the request, which ends the statement', async () => {
  let asked: Request | undefined;
  server.answers[RUN] = (request) => {
    asked = request;
    return new Promise((_, reject) => {
      request.signal.addEventListener('abort', () => reject(request.signal.reason));
    });
  };
  await show();
  await press('Run');
  expect(await screen.findByText('Running.')).toBeVisible();
  expect(screen.getByRole('button', { name: 'Run' })).toBeDisabled();
  await press('Cancel');
  expect(await screen.findByText('Cancelled.')).toBeVisible();
  expect(asked?.signal.aborted).toBe(true);
  expect(screen.queryByRole('alert')).toBeNull();
  expect(screen.getByRole('button', { name: 'Run' })).toBeEnabled();
});

test('whoever leaves the page lets go of the request too', async () => {
  let asked: Request | undefined;
  server.answers[RUN] = (request) => {
    asked = request;
    return new Promise(() => {});
  };
  const { unmount } = await show();
  await press('Run');
  await screen.findByText('Running.');
  unmount();
  expect(asked?.signal.aborted).toBe(true);
});

test('a link fills the editor and is run by a press alone', async () => {
  await show('/sql?sql=SELECT+42&rows=100');
  expect(text()).toBe('SELECT 42');
  expect(screen.getByText(/Read it before you run it/)).toBeVisible();
  expect(server.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  await press('Run what the address asks for');
  expect(await screen.findByText('/cart')).toBeVisible();
  expect(await server.requests.at(-1)?.json()).toEqual({ sql: 'SELECT 42', limit: 100 });
});

test('the back button brings the statement before, and its result', async () => {
  const { router } = await show();
  type('SELECT 1');
  await press('Run');
  await screen.findByText('/cart');
  server.answers[RUN] = answer([{ page: '/second' }], { page: 'VARCHAR' });
  type('SELECT 2');
  await press('Run');
  await screen.findByText('/second');
  await act(() => router.navigate(-1));
  expect(await screen.findByText('/cart')).toBeVisible();
  expect(text()).toBe('SELECT 1');
});

test('a statement that is too long for an address is run without one', async () => {
  const { router } = await show();
  type(`SELECT 1 -- ${'x'.repeat(7_000)}`);
  await press('Run');
  expect(await screen.findByText('/cart')).toBeVisible();
  expect(router.state.location.search).toBe('');
});

test('statements that were run can be had again, until they are cleared', async () => {
  await show();
  type('SELECT 1');
  await press('Run');
  await screen.findByText('Done: 2 rows.');
  type('SELECT 2');
  await userEvent.click(screen.getByText('History'));
  await press('SELECT 1');
  expect(text()).toBe('SELECT 1');
  await press('Clear the history');
  expect(screen.queryByRole('button', { name: 'SELECT 1' })).toBeNull();
  expect(screen.getByText(/What you run is kept here/)).toBeVisible();
});

test('a named query is run for days, which stand in the address', async () => {
  server.answers[ERRORS] = answer(
    [{ hour: '2026-03-01T00:00:00Z', errors: 3 }],
    {},
    {
      query_type: 'error_rate',
      date_from: '2026-03-01',
      date_to: '2026-03-02',
    },
  );
  const { router } = await show();
  await screen.findByText('The share of errors by hour.');
  const fill = async (label: string, day: string) => {
    await userEvent.clear(screen.getByLabelText(label));
    await userEvent.type(screen.getByLabelText(label), day);
  };
  await fill('First day (UTC)', '2026-03-03');
  await fill('Last day (UTC)', '2026-03-02');
  expect(screen.getByRole('alert')).toHaveTextContent('must not come after');
  expect(screen.getByRole('button', { name: 'Run error_rate' })).toBeDisabled();
  await fill('First day (UTC)', '2026-03-01');
  await press('Run error_rate');
  expect(await screen.findByText('error_rate, 2026-03-01 to 2026-03-02')).toBeVisible();
  expect(server.query(ERRORS)).toEqual({ date_from: '2026-03-01', date_to: '2026-03-02', limit: '1000' });
  expect(router.state.location.search).toBe('?named=error_rate&from=2026-03-01&to=2026-03-02');
  await press('Open as SQL error_rate');
  expect(text()).toContain("timestamp < TIMESTAMPTZ '2026-03-03 00:00:00+00'");
});

test('many rows stand on pages, in the order of the address', async () => {
  const many = Array.from({ length: 250 }, (_, index) => ({ n: index }));
  server.answers[RUN] = answer(many, { n: 'INTEGER' });
  const { router } = await show('/sql?sql=SELECT+1&sort=-0');
  await press('Run');
  await screen.findByText('Rows 1 to 100 of 250');
  expect(cells()).toEqual(
    many
      .slice(150)
      .reverse()
      .map(({ n }) => String(n)),
  );
  // By text: a search by role through so many rows takes seconds here.
  await userEvent.click(screen.getByText('Next'));
  await userEvent.click(screen.getByText('Next'));
  expect(cells()).toHaveLength(50);
  await userEvent.click(document.querySelector('.sql-result th button') as HTMLElement);
  expect(cells()[0]).toBe('0');
  expect(router.state.location.search).toContain('sort=0');
});

test('a result is drawn as it is chosen, and the choice stands in the address', async () => {
  server.answers[RUN] = answer(
    [
      { page: '/a', views: 3, errors: 1 },
      { page: '/b', views: 4, errors: 0 },
    ],
    { page: 'VARCHAR', views: 'BIGINT', errors: 'BIGINT' },
  );
  const { router } = await show();
  await press('Run');
  await screen.findByText('/a');
  await press('Chart');
  expect(screen.getByRole('figure', { name: 'views by page' })).toBeVisible();
  await userEvent.click(screen.getByRole('checkbox', { name: 'errors' }));
  expect(screen.getByRole('figure', { name: 'views, errors by page' })).toBeVisible();
  expect(new URLSearchParams(router.state.location.search).get('y')).toBe('views\nerrors');
  await userEvent.selectOptions(screen.getByLabelText('Along the axis'), 'views');
  expect(screen.getByRole('figure', { name: 'errors by views' })).toBeVisible();
});

test('what cannot be drawn is said', async () => {
  server.answers[RUN] = answer([{ page: '/a' }], { page: 'VARCHAR' });
  await show('/sql?view=chart');
  await press('Run');
  expect(await screen.findByText(/There is nothing to draw/)).toBeVisible();
});

test('a result is a file too, with columns in their order', async () => {
  const made: Blob[] = [];
  URL.createObjectURL = (blob) => `blob:${made.push(blob as Blob)}`;
  URL.revokeObjectURL = () => {};
  const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {});
  await show();
  await press('Run');
  await screen.findByText('/cart');
  await press('CSV of the result');
  expect(await made[0]?.text()).toBe(
    'page,views,last,tags\r\n/cart,12,2026-03-09T14:22:31.402Z,"{""a"":1}"\r\n,7,,\r\n',
  );
  expect((click.mock.contexts[0] as HTMLAnchorElement).download).toBe('cloudpulse-sql.csv');
});

test('the editor is named and says its keys; what can be completed comes from the server', async () => {
  await show();
  const content = editor().contentDOM;
  expect(content).toHaveAttribute('aria-label', 'SQL statement');
  const described = (editor().root as ShadowRoot).getElementById(content.getAttribute('aria-describedby') ?? '');
  expect(described).toHaveTextContent(/Tab leaves the editor/);
  await userEvent.click(screen.getByText('Tables'));
  await waitFor(() => expect(screen.getByRole('list', { name: 'Columns of events' })).toHaveTextContent('event_id'));
});

test('whoever may not ask is told so', async () => {
  server.answers['GET /v1/query/sql/schema'] = problem(403, 'forbidden', 'It needs events:read.');
  await show('/sql', []);
  expect(await screen.findByText(/You may not see this/)).toBeVisible();
});
