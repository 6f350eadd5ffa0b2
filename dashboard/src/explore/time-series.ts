/** Rows of charts, made of answers that have a row for each bucket. */

import type { TimeRow } from '../ui/chart/series';

/** The counts of a bucket, by key. */
export interface Counted {
  bucket: string;
  values: Readonly<Record<string, number>>;
}

/** A row for each bucket, oldest first, with a value for each key: what was not counted is 0. */
export function timeRows(buckets: readonly string[], keys: readonly string[], counted: readonly Counted[]): TimeRow[] {
  const none = Object.fromEntries(keys.map((key) => [key, 0]));
  const rows = new Map<string, Record<string, number>>(buckets.map((bucket) => [bucket, none]));
  for (const { bucket, values } of counted) rows.set(bucket, { ...(rows.get(bucket) ?? none), ...values });
  return [...rows].map(([at, values]) => ({ at, values })).sort((one, other) => (one.at < other.at ? -1 : 1));
}

/** Rows of a file: the bucket, then its values. */
export function flatRows(rows: readonly TimeRow[]): object[] {
  return rows.map(({ at, values }) => ({ bucket: at, ...values }));
}
