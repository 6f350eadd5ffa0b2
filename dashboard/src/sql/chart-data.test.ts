import { type Choice, chartOf, drawnOf, MOST } from './chart-data';
import type { Column, Row } from './columns';

const NOTHING: Choice = { x: null, y: null, series: null };
const DAY: Column = { name: 'day', type: 'DATE' };
const HOUR: Column = { name: 'hour', type: 'TIMESTAMP WITH TIME ZONE' };
const TYPE: Column = { name: 'event_type', type: 'VARCHAR' };
const PAGE: Column = { name: 'page', type: 'VARCHAR' };
const COUNT: Column = { name: 'n', type: 'BIGINT' };
const SHARE: Column = { name: 'share', type: 'DECIMAL(5,2)' };

function draw(columns: Column[], rows: Row[], choice: Partial<Choice> = {}) {
  const drawn = drawnOf(columns, rows, { ...NOTHING, ...choice });
  if (!drawn) throw new Error('not drawn');
  return { drawn, ...chartOf(drawn, rows) };
}

test('without a choice: over time, the first number, divided by a column of few values', () => {
  const rows = [
    { day: '2026-03-02', event_type: 'click', n: 2 },
    { day: '2026-03-01', event_type: 'error', n: 1 },
    { day: '2026-03-01', event_type: 'click', n: 5 },
  ];
  const { drawn, ...chart } = draw([TYPE, DAY, COUNT, SHARE], rows);
  expect(drawn).toEqual({ kind: 'lines', x: DAY, y: [COUNT], series: TYPE });
  const [click, error] = chart.series;
  expect(chart.series.map(({ label, color }) => [label, color])).toEqual([
    ['click', 'var(--chart-2)'],
    ['error', 'var(--chart-5)'],
  ]);
  expect(chart.rows).toEqual([
    { at: '2026-03-01', values: { [click?.key ?? '']: 5, [error?.key ?? '']: 1 } },
    { at: '2026-03-02', values: { [click?.key ?? '']: 2, [error?.key ?? '']: null } },
  ]);
  expect(chart.formatAt('2026-03-01')).toBe('Mar 1');
  expect(chart.notes).toEqual([]);
});

test('names make bars, in the order of the rows', () => {
  const { drawn, rows, positionOf } = draw(
    [PAGE, COUNT],
    [
      { page: '/b', n: 1 },
      { page: null, n: 2 },
    ],
  );
  expect(drawn.kind).toBe('bars');
  expect(positionOf).toBeUndefined();
  expect(rows.map(({ at }) => at)).toEqual(['/b', 'null']);
});

test('several values, a series for each of each', () => {
  const rows = [{ page: '/a', event_type: 'x', n: 1, share: 0.5 }];
  const { series } = draw([PAGE, TYPE, COUNT, SHARE], rows, { y: ['n', 'share'], series: 'event_type' });
  expect(series.map(({ label }) => label)).toEqual(['x, n', 'x, share']);
  expect(draw([PAGE, COUNT, SHARE], rows, { y: ['n', 'share'] }).series.map(({ label }) => label)).toEqual([
    'n',
    'share',
  ]);
});

test('numbers stand where they belong; rows that have no place are told', () => {
  const columns = [COUNT, SHARE];
  const rows = [
    { n: 10, share: 1 },
    { n: 2, share: 3 },
    { n: null, share: 4 },
  ];
  const { drawn, rows: placed, positionOf, notes } = draw(columns, rows, { x: 'n' });
  expect(drawn.kind).toBe('lines');
  expect(placed.map(({ at }) => positionOf?.(at))).toEqual([2, 10]);
  expect(notes).toEqual(['Rows without n are not shown.']);
});

test('values of one place are added up, and that is said', () => {
  const rows = [
    { hour: '2026-03-01T10:00:00Z', n: 1 },
    { hour: '2026-03-01T10:00:00Z', n: 2 },
  ];
  const { rows: shown, notes } = draw([HOUR, COUNT], rows);
  expect(Object.values(shown[0]?.values ?? {})).toEqual([3]);
  expect(notes).toEqual(['Several rows have the same hour: their values are added up.']);
});

test('no more series than colours, and no more bars than can be seen', () => {
  const rows = Array.from({ length: 60 }, (_, index) => ({ page: `/${index}`, event_type: `t${index % 8}`, n: index }));
  const { series, rows: shown, notes } = draw([PAGE, TYPE, COUNT], rows, { series: 'event_type' });
  expect(series).toHaveLength(6);
  expect(shown).toHaveLength(MOST.bars);
  expect(notes).toEqual(['The 6 largest of 8 series are shown.', 'The first 50 of 60 values of page are shown.']);
});

test('a column of many values divides nothing by itself, and none is a choice', () => {
  const many = Array.from({ length: 9 }, (_, index) => ({ day: '2026-03-01', page: `/${index}`, n: 1 }));
  expect(drawnOf([DAY, PAGE, COUNT], many, NOTHING)?.series).toBeNull();
  expect(drawnOf([DAY, PAGE, COUNT], many.slice(0, 3), NOTHING)?.series).toEqual(PAGE);
  expect(drawnOf([DAY, PAGE, COUNT], many.slice(0, 3), { ...NOTHING, series: '' })?.series).toBeNull();
});

test('what was chosen of another result is chosen anew', () => {
  const drawn = drawnOf([PAGE, COUNT], [], { x: 'gone', y: ['gone'], series: 'gone' });
  expect(drawn).toEqual({ kind: 'bars', x: PAGE, y: [COUNT], series: null });
});

test.each([[[]], [[PAGE]], [[COUNT]], [[PAGE, TYPE]]])('%j cannot be drawn', (columns) => {
  expect(drawnOf(columns, [], NOTHING)).toBeNull();
});
