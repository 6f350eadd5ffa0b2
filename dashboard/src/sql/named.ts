/** Queries that have a name, and the days that they are asked about. */

import type { components } from '../api/schema';

export type NamedQuery = components['schemas']['NamedQuery'];

/** Days in UTC as `2026-03-09`, both inclusive. */
export interface Days {
  from: string;
  to: string;
}

const DAY_MS = 86_400_000;
const DAYS = 7;

/** Today and the days before it, a week in all. */
export function lastWeek(now: number): Days {
  return { from: dayOf(now - (DAYS - 1) * DAY_MS), to: dayOf(now) };
}

/** The statement of a named query with its days written out. */
export function asStatement(query: NamedQuery, { from, to }: Days): string {
  const moments = [from, dayOf(Date.parse(to) + DAY_MS)];
  return query.sql.replace(/\?/g, () => `TIMESTAMPTZ '${moments.shift()} 00:00:00+00'`);
}

function dayOf(moment: number): string {
  return new Date(moment).toISOString().slice(0, 10);
}
