/** An answer as a chart: which columns are drawn, and the rows and series that they make. */

import { EVENT_TYPES, lookOf } from '../events/event-types';
import { type Interval, type Series, type TimeRow, timeLabel } from '../ui/chart/series';
import { type Column, kindOf, type Row, textOf } from './columns';

/** Names of columns. What was not chosen, or is not there any more, is null and is chosen here. */
export interface Choice {
  x: string | null;
  y: readonly string[] | null;
  /** Empty for none. */
  series: string | null;
}

/** Columns of an answer that can be drawn together. */
export interface Drawn {
  kind: 'lines' | 'bars';
  x: Column;
  y: readonly Column[];
  series: Column | null;
}

export interface ResultChart {
  rows: TimeRow[];
  series: Series[];
  formatAt: (at: string) => string;
  /** Where `at` stands; undefined for names. */
  positionOf?: (at: string) => number;
  /** What the chart does not show, in sentences. */
  notes: string[];
}

export const MOST = { bars: 50, lines: 2_000 };
const COLORS = 6;
const HOUR_MS = 3_600_000;

/** What is drawn of an answer; null when it has no numbers beside another column. */
export function drawnOf(columns: readonly Column[], results: readonly Row[], choice: Choice): Drawn | null {
  const x = columns.find(({ name }) => name === choice.x) ?? likelyX(columns);
  const numbers = columns.filter((column) => column !== x && kindOf(column) === 'number');
  const chosen = numbers.filter(({ name }) => choice.y?.includes(name));
  const y = chosen.length > 0 ? chosen : numbers.slice(0, 1);
  if (!x || y.length === 0) return null;
  const names = seriesColumns(columns, x);
  const isOverTime = kindOf(x) === 'moment' || kindOf(x) === 'day';
  const automatic = choice.series === null && isOverTime ? names.find((column) => hasFew(column, results)) : undefined;
  const series = names.find(({ name }) => name === choice.series) ?? automatic ?? null;
  return { kind: isOverTime || kindOf(x) === 'number' ? 'lines' : 'bars', x, y, series };
}

/** Whether a column has more than one value, and a colour for each. */
function hasFew({ name }: Column, results: readonly Row[]): boolean {
  const values = new Set<unknown>();
  for (const row of results) if (values.add(row[name]).size > COLORS) return false;
  return values.size > 1;
}

/** The columns that can divide values into series. */
export function seriesColumns(columns: readonly Column[], x: Column): Column[] {
  return columns.filter((column) => column !== x && kindOf(column) === 'text');
}

/** The rows and series of a chart; values that belong to the same place are added up, which a note tells. */
export function chartOf(drawn: Drawn, results: readonly Row[]): ResultChart {
  const { kind, x, y } = drawn;
  const cells = cellsOf(drawn, results);
  const positionOf = kind === 'lines' ? positionIn(x) : undefined;
  const placed = positionOf ? cells.filter(({ at }) => Number.isFinite(positionOf(at))) : cells;
  const { places, sums, isAdded } = gathered(placed);
  const keys = largest(sums);
  const rows = [...places].map(([at, values]) => ({ at, values: only(keys, values) }));
  if (positionOf) rows.sort((one, other) => positionOf(one.at) - positionOf(other.at));
  const shown = rows.slice(0, MOST[kind]);
  const notes = [
    isAdded && `Several rows have the same ${x.name}: their values are added up.`,
    keys.length < sums.size && `The ${keys.length} largest of ${sums.size} series are shown.`,
    shown.length < rows.length && `The first ${shown.length} of ${rows.length} values of ${x.name} are shown.`,
    placed.length < cells.length && `Rows without ${x.name} are not shown.`,
  ];
  return {
    rows: shown,
    series: seriesOf(keys, y.length > 1),
    formatAt: formatIn(x, shown),
    positionOf,
    notes: notes.filter((note) => note !== false),
  };
}

interface Cell {
  at: string;
  key: string;
  value: unknown;
}

function cellsOf({ x, y, series }: Drawn, results: readonly Row[]): Cell[] {
  return results.flatMap((row) =>
    y.map(({ name }) => ({
      at: textOf(row[x.name]),
      key: JSON.stringify([series && textOf(row[series.name]), name]),
      value: row[name],
    })),
  );
}

/** The values of each place by series, and how much each series is in all. */
function gathered(cells: readonly Cell[]) {
  const places = new Map<string, Map<string, number>>();
  const sums = new Map<string, number>();
  let isAdded = false;
  for (const { at, key, value } of cells) {
    const here = places.get(at) ?? new Map<string, number>();
    places.set(at, here);
    if (typeof value !== 'number') continue;
    isAdded ||= here.has(key);
    here.set(key, (here.get(key) ?? 0) + value);
    sums.set(key, (sums.get(key) ?? 0) + Math.abs(value));
  }
  return { places, sums, isAdded };
}

/** The series with the largest sums, as many as there are colours, in the order in which they came. */
function largest(sums: ReadonlyMap<string, number>): string[] {
  const ranked = [...sums].sort(([, one], [, other]) => other - one).map(([key]) => key);
  const kept = new Set(ranked.slice(0, COLORS));
  return [...sums.keys()].filter((key) => kept.has(key));
}

function only(keys: readonly string[], values: ReadonlyMap<string, number>) {
  return Object.fromEntries(keys.map((key) => [key, values.get(key) ?? null]));
}

function seriesOf(keys: readonly string[], hasSeveral: boolean): Series[] {
  const parts = keys.map((key) => JSON.parse(key) as [value: string | null, column: string]);
  // Types of events have colours of their own, the same in all charts.
  const areTypes = !hasSeveral && parts.every(([value]) => EVENT_TYPES.some((type) => type === value));
  return parts.map(([value, column], index) => ({
    key: keys[index] ?? '',
    label: value === null ? column : hasSeveral ? `${value}, ${column}` : value,
    color: areTypes && value ? lookOf(value).color : `var(--chart-${index + 1})`,
  }));
}

function likelyX(columns: readonly Column[]): Column | undefined {
  const first = (...kinds: string[]) => columns.find((column) => kinds.includes(kindOf(column)));
  return first('moment', 'day') ?? first('text') ?? first('number');
}

function positionIn(x: Column): (at: string) => number {
  // A missing value stands nowhere, while Number('') would be 0.
  return kindOf(x) === 'number' ? (at) => (at === 'null' ? Number.NaN : Number(at)) : (at) => Date.parse(at);
}

function formatIn(x: Column, rows: readonly TimeRow[]): (at: string) => string {
  const kind = kindOf(x);
  if (kind === 'day') return timeLabel('day', 'UTC');
  if (kind !== 'moment') return (at) => at;
  const spanMs = Date.parse(rows.at(-1)?.at ?? '') - Date.parse(rows[0]?.at ?? '');
  const interval: Interval = spanMs > 20 * HOUR_MS ? 'hour' : 'minute';
  return timeLabel(interval);
}
