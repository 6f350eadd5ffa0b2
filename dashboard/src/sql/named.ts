/** Queries that have a name, and the days that they are asked about. */

import type { components } from '../api/schema';
import { addDays, type Days, utcDay } from '../ui/days';

export type NamedQuery = components['schemas']['NamedQuery'];

const DAYS = 7;

/** Today and the days before it, a week in all. */
export function lastWeek(now: number): Days {
  const today = utcDay(now);
  return { from: addDays(today, 1 - DAYS), to: today };
}

/** The statement of a named query with its days written out. */
export function asStatement(query: NamedQuery, { from, to }: Days): string {
  const moments = [from, addDays(to, 1)];
  return query.sql.replace(/\?/g, () => `TIMESTAMPTZ '${moments.shift()} 00:00:00+00'`);
}
