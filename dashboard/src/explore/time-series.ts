/** Rows of charts, made of answers that have a row for each bucket. */

import type { TimeRow } from '../ui/chart/series';

export interface Cell {
  bucket: string;
  key: string;
  value: number;
}

/** A row for each bucket, also for those without events, oldest first. */
export function timeRows(buckets: readonly string[], cells: readonly Cell[]): TimeRow[] {
  const rows = new Map<string, Record<string, number>>(buckets.map((bucket) => [bucket, {}]));
  for (const { bucket, key, value } of cells) {
    const values = rows.get(bucket) ?? {};
    rows.set(bucket, values);
    values[key] = value;
  }
  return [...rows].map(([at, values]) => ({ at, values })).sort((one, other) => (one.at < other.at ? -1 : 1));
}

/** Rows of a file: the bucket, then a number for each of `keys`. */
export function flatRows(rows: readonly TimeRow[], keys: readonly string[]): object[] {
  return rows.map(({ at, values }) => ({
    bucket: at,
    ...Object.fromEntries(keys.map((key) => [key, values[key] ?? 0])),
  }));
}
