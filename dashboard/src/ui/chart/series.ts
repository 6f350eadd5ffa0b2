/** What charts over time show. */

/** One kind of value in all rows, in one colour: `var(--chart-n)`. */
export interface Series {
  key: string;
  label: string;
  color: string;
}

/** The values of one moment (the start of a minute, an hour, a day), each under the key of its series. */
export interface TimeRow {
  /** RFC 3339 in UTC; in charts of other things the number or the name that the values belong to. */
  at: string;
  values: Readonly<Record<string, number | null>>;
}

export interface TimeChartProps {
  title: string;
  /** The title is for screen readers alone, for example below a heading that says the same. */
  isTitleHidden?: boolean;
  rows: readonly TimeRow[];
  series: readonly Series[];
  /** How a moment is written at the axis, as `timeLabel('minute')`. */
  formatTime: (at: string) => string;
  formatValue?: (value: number) => string;
  /** What `at` is, above the numbers as a table. */
  atHeader?: string;
  /** Where `at` stands on an axis with a scale; without it rows stand side by side. */
  positionOf?: (at: string) => number;
  height?: number;
}

export type Interval = 'minute' | 'hour' | 'day';

const LABELS: Record<Interval, Intl.DateTimeFormatOptions> = {
  minute: { hour: '2-digit', minute: '2-digit' },
  hour: { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' },
  day: { month: 'short', day: 'numeric' },
};

/** Writes moments in the visitor's zone, or in the zone that cut the days. */
export function timeLabel(interval: Interval, timeZone?: string): (at: string) => string {
  const format = new Intl.DateTimeFormat(undefined, { ...LABELS[interval], timeZone });
  return (at) => format.format(new Date(at));
}
