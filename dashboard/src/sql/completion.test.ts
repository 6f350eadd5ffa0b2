import { CompletionContext, type CompletionResult, type CompletionSource } from '@codemirror/autocomplete';
import { EditorState } from '@codemirror/state';
import { columnsInSight, completion, type Table } from './completion';

const TABLES: Table[] = [
  { name: 'events', columns: [column('event_id', 'VARCHAR'), column('page', 'VARCHAR')] },
  { name: 'daily_summaries', columns: [column('date', 'DATE'), column('by_event_type', 'MAP(VARCHAR, BIGINT)')] },
];

function column(name: string, type: string) {
  return { name, type };
}

/** What is offered at the `|` of a statement. */
async function offered(marked: string): Promise<string[]> {
  const at = marked.indexOf('|');
  const state = EditorState.create({ doc: marked.replace('|', ''), extensions: completion(TABLES) });
  const context = new CompletionContext(state, at, false);
  const sources = state.languageDataAt<CompletionSource>('autocomplete', at);
  const results = await Promise.all(sources.map((source) => source(context) as Promise<CompletionResult | null>));
  return results.flatMap((result) => result?.options.map(({ label }) => label) ?? []);
}

test('tables, words and the columns of the table that is named', async () => {
  const labels = await offered('SELECT p| FROM events');
  expect(labels).toEqual(expect.arrayContaining(['events', 'daily_summaries', 'page', 'event_id', 'SELECT', 'COUNT']));
  expect(labels).not.toContain('date');
});

test.each(['SELECT events.| FROM events', 'SELECT e.| FROM events e'])(
  '%s: the columns of it alone',
  async (marked) => {
    expect(await offered(marked)).toEqual(['event_id', 'page']);
  },
);

test('before a table is named, the columns of all; each once, with its type', () => {
  expect(columnsInSight('SELECT ', TABLES).map(({ label }) => label)).toEqual([
    'event_id',
    'page',
    'date',
    'by_event_type',
  ]);
  expect(columnsInSight('SELECT * FROM DAILY_SUMMARIES', TABLES)[1]).toMatchObject({ detail: 'map(varchar, bigint)' });
  expect(columnsInSight('', [...TABLES, ...TABLES])).toHaveLength(4);
});

test('in a text nothing is offered', async () => {
  expect(await offered("SELECT 'p|'")).toEqual([]);
});
