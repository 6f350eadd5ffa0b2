/** The numbers of the cards, and how they differ from those of the days before. */

import { formatPercent } from '../ui/format';
import type { EventCount, Uniques } from './use-questions';

interface Totals {
  events: number;
  errors: number;
  /** Of all events, in percent; undefined without events. */
  errorShare: number | undefined;
}

export function totalsOf(counts: readonly EventCount[]): Totals {
  const events = counts.reduce((sum, count) => sum + count.event_count, 0);
  const errors = counts.find(({ event_type }) => event_type === 'error')?.event_count ?? 0;
  return { events, errors, errorShare: events ? (100 * errors) / events : undefined };
}

/** The mean over the days that have events; of one day its number. */
export function meanOf(days: readonly Uniques[] | undefined, what: 'sessions' | 'users'): number | undefined {
  return days && Math.round(days.reduce((sum, day) => sum + day[what], 0) / Math.max(1, days.length));
}

/** `+12 %`, `−3.4 %`; undefined when there was nothing to compare with. */
export function changeText(now: number, before: number): string | undefined {
  if (before === 0) return undefined;
  const percent = (100 * (now - before)) / before;
  const sign = percent > 0 ? '+' : percent < 0 ? '−' : '±';
  return `${sign}${formatPercent(Math.abs(percent))}`;
}
