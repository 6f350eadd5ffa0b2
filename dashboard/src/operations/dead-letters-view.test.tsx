import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type FakeServer, fakeServer, problem } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { AT, group, letter } from '../test/samples';
import { settle } from '../test/settle';
import DeadLettersView from './dead-letters-view';

const LETTERS = 'GET /v1/dlq';
const REDRIVE = 'POST /v1/dlq/redrive';
const NOTHING = { groups: [], letters: [], total: 0 };

let server: FakeServer;
let redrives: Record<string, unknown>[];

async function show(at = '/operations/dead-letters') {
  const shown = await renderPage(<DeadLettersView />, { at, path: '/operations/dead-letters' });
  await settle(100);
  return { ...shown, user: userEvent.setup({ advanceTimers: vi.advanceTimersByTime }) };
}

/** Answers for a dry run, and for what is then done. */
function answerRedrives(dry: object[], done: object[]) {
  server.answers[REDRIVE] = async (request) => {
    const wanted = (await request.json()) as Record<string, unknown>;
    redrives.push(wanted);
    return { dry_run: wanted.dry_run, letters: wanted.dry_run ? dry : done };
  };
}

const cells = (row: HTMLElement | undefined) => [...(row?.children ?? [])].map((cell) => cell.textContent);
const rowsOf = (name: RegExp) => within(screen.getByRole('table', { name })).getAllByRole('row').slice(1);
const dialog = () => within(screen.getByRole('dialog'));

beforeEach(() => {
  vi.useFakeTimers();
  redrives = [];
  server = fakeServer({
    [LETTERS]: {
      groups: [group('lake', { letters: 2, events: 7 }), group('speed'), group('lake', { fingerprint: 'a001' })],
      letters: [letter('lake:j:1'), letter('speed:j:1'), letter('lake:j:9', { fingerprint: 'a001' })],
      total: 5,
    },
  });
});

test('without any it says so', async () => {
  server.answers[LETTERS] = NOTHING;
  await show();
  expect(screen.getByText('Nothing has been set aside.')).toBeVisible();
  expect(screen.queryByRole('button', { name: 'Redrive all' })).toBeNull();
});

test('faults with their letters in each layer, and the letters', async () => {
  await show();
  const [first, second] = rowsOf(/Faults/);
  expect(cells(first).slice(0, 3)).toEqual([
    'ValueError in tables.pyf19b',
    '1 letter, 2 events',
    '2 letters, 7 events',
  ]);
  expect(cells(second).slice(0, 3)).toEqual(['ValueError in tables.pya001', '–', '1 letter, 2 events']);
  expect(cells(rowsOf(/The oldest 3 of 5 letters/)[0]).slice(1, 5)).toEqual([
    'Lake',
    'ValueError in tables.py f19b',
    '2',
    '3',
  ]);
});

test('the letters of a fault and of a layer are in the address', async () => {
  const { user, router } = await show();
  await user.click(screen.getAllByRole('link', { name: 'Its letters' })[1] as HTMLElement);
  await settle(100);
  expect(router.state.location.pathname).toBe('/operations/dead-letters');
  expect(server.query(LETTERS)).toEqual({ fingerprint: 'a001', limit: '100' });
  expect(screen.getByRole('heading', { name: 'Letters of the fault a001' })).toBeVisible();
  await user.selectOptions(screen.getByLabelText('Layer'), 'Lake');
  await settle(100);
  expect(server.query(LETTERS)).toEqual({ consumer: 'lake', fingerprint: 'a001', limit: '100' });
  await user.click(screen.getByRole('button', { name: 'Those of all faults' }));
  expect(router.state.location.search).toBe('?consumer=lake');
});

test('an opened letter shows its stack and its events as they came', async () => {
  server.answers['GET /v1/dlq/lake%3Aj%3A1'] = {
    letter: letter('lake:j:1', { redrive_of: 'lake:j:0' }),
    stack: ['lake/chunk.py:decode', 'tables.py:to_arrow'],
    failed_at: [AT, AT],
    original: [{ event: { event_id: 'e1' } }, { text: 'not { json' }],
    truncated: true,
  };
  const { user, router } = await show();
  await user.click(screen.getByRole('button', { name: 'Show lake:j:1' }));
  await settle(100);
  expect(router.state.location.search).toBe('?letter=lake%3Aj%3A1');
  const opened = screen.getByRole('region', { name: 'Letter lake:j:1' });
  expect(opened).toHaveFocus();
  expect(within(opened).getByRole('region', { name: 'Stack' })).toHaveTextContent(/decode tables.py:to_arrow/);
  expect(within(opened).getByRole('region', { name: 'Events' })).toHaveTextContent(/"event_id": "e1" } not { json/);
  expect(opened).toHaveTextContent('There are more, or some that cannot be read.');
  expect(opened).toHaveTextContent('Redriven fromlake:j:0');
});

test('what would come of a redrive is shown before it is confirmed, and then what became of each letter', async () => {
  answerRedrives(
    [
      { id: 'lake:j:1', outcome: 'would_fail', events: 2, reason: 'ValueError' },
      { id: 'speed:j:1', outcome: 'would_succeed', events: 2 },
    ],
    [
      { id: 'lake:j:1', outcome: 'redriven', events: 2, is_new: true },
      { id: 'speed:j:1', outcome: 'expired', events: 2 },
    ],
  );
  const { user } = await show();
  await user.click(screen.getByRole('button', { name: 'Redrive all' }));
  expect(dialog().getByRole('button', { name: 'Redrive' })).toBeDisabled();
  await settle(100);
  expect(
    dialog()
      .getAllByRole('listitem')
      .map((item) => item.textContent),
  ).toEqual([
    'Lake: would fail again (ValueError), 1 letter, 2 events',
    'Live counters: would succeed, 1 letter, 2 events',
  ]);
  server.answers[LETTERS] = { groups: [group('lake')], letters: [letter('lake:j:7')], total: 1 };
  await user.click(dialog().getByRole('button', { name: 'Redrive anyway' }));
  await settle(100);
  expect(redrives).toEqual([
    { ids: [], all: true, dry_run: true },
    { ids: [], all: true, dry_run: false },
  ]);
  expect(rowsOf(/What became of each/).map((row) => cells(row))).toEqual([
    ['lake:j:1', 'Lake', '2', 'given back to be tried again'],
    ['speed:j:1', 'Live counters', '2', 'too old to be tried again'],
  ]);
  expect(rowsOf(/All, the oldest first/)).toHaveLength(1);
  server.answers[LETTERS] = {
    groups: [group('lake')],
    letters: [letter('lake:j:8', { redrive_of: 'lake:j:1' })],
    total: 1,
  };
  await settle(5_100);
  expect(cells(rowsOf(/What became of each/)[0])[3]).toBe('Failed again, and is set aside again');
  expect(screen.getByText('failed again after it was redriven')).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Close' }));
  expect(screen.queryByText('What became of them')).toBeNull();
});

test.each([
  ['a fault', /Faults/, { ids: [], all: false, fingerprint: 'f19b' }],
  ['one letter', /The oldest/, { ids: ['lake:j:1'], all: false }],
])('redrive of %s', async (_, table, wanted) => {
  const succeeds = { id: 'lake:j:1', events: 2 };
  answerRedrives([{ ...succeeds, outcome: 'would_succeed' }], [{ ...succeeds, outcome: 'redriven' }]);
  const { user } = await show();
  await user.click(within(rowsOf(table)[0] as HTMLElement).getByRole('button', { name: 'Redrive' }));
  await settle(100);
  server.answers[LETTERS] = NOTHING;
  await user.click(dialog().getByRole('button', { name: 'Redrive' }));
  await settle(100);
  expect(redrives).toEqual([
    { ...wanted, dry_run: true },
    { ...wanted, dry_run: false },
  ]);
  expect(screen.getByText('given back to be tried again')).toBeVisible();
  expect(screen.getByText('Nothing has been set aside.')).toBeVisible();
});

test('without a dry run nothing can be confirmed', async () => {
  server.answers[REDRIVE] = problem(503, 'not_ready', 'The pipeline is away.');
  const { user } = await show();
  await user.click(screen.getByRole('button', { name: 'Redrive all' }));
  await settle(100);
  expect(dialog().getByRole('alert')).toHaveTextContent('The pipeline is away.');
  expect(dialog().getByRole('button', { name: 'Redrive' })).toBeDisabled();
  answerRedrives([], []);
  await user.click(dialog().getByRole('button', { name: 'Try again' }));
  await settle(100);
  expect(screen.getByRole('dialog')).toHaveTextContent('There is no such letter any more.');
});

test('a letter is purged after it was confirmed', async () => {
  const purged = vi.fn(() => new Response(null, { status: 204 }));
  server.answers['DELETE /v1/dlq/lake%3Aj%3A1'] = purged;
  const { user } = await show();
  await user.click(within(rowsOf(/The oldest/)[0] as HTMLElement).getByRole('button', { name: 'Purge' }));
  expect(screen.getByRole('dialog', { name: 'Purge this letter?' })).toHaveTextContent('1 letter, 2 events');
  expect(purged).not.toHaveBeenCalled();
  server.answers[LETTERS] = { groups: [group('speed')], letters: [letter('speed:j:1')], total: 1 };
  await user.click(dialog().getByRole('button', { name: 'Purge' }));
  await settle(100);
  expect(purged).toHaveBeenCalledTimes(1);
  expect(screen.queryByRole('button', { name: 'Show lake:j:1' })).toBeNull();
});

test('whoever may not see them is told so', async () => {
  server.answers[LETTERS] = problem(403, 'forbidden', 'It needs admin.');
  await show();
  expect(screen.getByRole('alert')).toHaveTextContent('You may not see this');
});
