import { isLong, lookOf, lookParameters, PARAMETERS } from './address';
import { kindOf } from './columns';
import { placeOf } from './error-place';
import { asStatement, lastWeek } from './named';
import { withStatement } from './use-statement-history';

test.each([
  ['BIGINT', 'number'],
  ['UTINYINT', 'number'],
  ['HUGEINT', 'number'],
  ['DECIMAL(18,3)', 'number'],
  ['DOUBLE', 'number'],
  ['INTEGER[]', 'object'],
  ['STRUCT(a INTEGER)', 'object'],
  ['MAP(VARCHAR, BIGINT)', 'object'],
  ['TIMESTAMP', 'moment'],
  ['TIMESTAMP WITH TIME ZONE', 'moment'],
  ['DATE', 'day'],
  ['VARCHAR', 'text'],
  ['BOOLEAN', 'text'],
  ['INTERVAL', 'text'],
] as const)('%s holds %s', (type, kind) => {
  expect(kindOf({ name: 'x', type })).toBe(kind);
});

test.each([
  ['Unexpected token at line 1, column 19.', 'SELECT * FRM events', 'events'],
  ['Expecting ) at line 2, column 9.', 'SELECT (\n  FROM x)', ')'],
  ['Unexpected at line 1, column 99.', 'SELECT 1', null],
  ['Unexpected at line 7, column 3.', 'SELECT 1', null],
  ['No such column.', 'SELECT x', null],
])('%s', (message, statement, marked) => {
  const place = placeOf(message, statement);
  expect(place && statement.slice(place.from, place.to)).toBe(marked);
});

test('the history holds each statement once, the newest first, and no more than fifty', () => {
  const many = Array.from({ length: 60 }, (_, at) => ({ sql: `SELECT ${at % 55}`, at }));
  const past = many.reduce<ReturnType<typeof withStatement>>(withStatement, []);
  expect(past).toHaveLength(50);
  expect(past[0]).toEqual({ sql: 'SELECT 4', at: 59 });
  expect(new Set(past.map(({ sql }) => sql)).size).toBe(50);
});

test('a named query as a statement has its days written out, the last one to its end', () => {
  const sql = 'WHERE timestamp >= ? AND timestamp < ?';
  const query = { name: 'x', description: '', columns: [], sql };
  expect(asStatement(query, { from: '2026-02-27', to: '2026-02-28' })).toBe(
    "WHERE timestamp >= TIMESTAMPTZ '2026-02-27 00:00:00+00' AND timestamp < TIMESTAMPTZ '2026-03-01 00:00:00+00'",
  );
  expect(lastWeek(Date.parse('2026-03-03T12:00:00Z'))).toEqual({ from: '2026-02-25', to: '2026-03-03' });
});

test('columns of a chart come through the address as they are', () => {
  const y = ['round(avg(x), 2)', '-1'];
  const initial = Object.fromEntries(Object.entries(PARAMETERS).map(([name, one]) => [name, one.initial])) as never;
  expect(lookOf({ ...(initial as object), ...lookParameters({ y }) } as never).y).toEqual(y);
  expect(lookOf(initial).y).toBeNull();
});

test('what is too long for an address is known by how it would be written there', () => {
  expect(isLong('x'.repeat(6_000))).toBe(false);
  expect(isLong('ß'.repeat(6_000))).toBe(true);
});
