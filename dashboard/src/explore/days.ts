/** Ranges of days in a time zone, as `2026-03-09`: presets, the days before, and the buckets that they are cut into. */

import type { Interval } from '../ui/chart/series';
import { addDays, countDays, type Days, utcDay } from '../ui/days';

export const RANGES = ['today', 'yesterday', '7d', '30d', '90d', 'month', 'last-month', 'custom'] as const;
export type Range = (typeof RANGES)[number];

export const RANGE_LABELS: Record<Range, string> = {
  today: 'Today',
  yesterday: 'Yesterday',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
  '90d': 'Last 90 days',
  month: 'This month',
  'last-month': 'Last month',
  custom: 'Custom',
};

const WIDTHS_MS: Record<Interval, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
/** The most days that are shown in buckets of this width: about a thousand points. */
const MOST_DAYS: Record<Interval, number> = { minute: 1, hour: 31, day: Number.POSITIVE_INFINITY };
const MOST_DAYS_BY_HOUR = 7;

/** The zone of the visitor, as far as the browser knows it. */
export function visitorZone(): string {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  return !timeZone || timeZone === 'Etc/Unknown' ? 'UTC' : timeZone;
}

/** The day that it is in a zone. */
export function dayIn(zone: string, moment: number): string {
  return utcDay(moment + offsetOf(offsets(zone), moment));
}

/** The days of a range; of `custom` those that were chosen, in their order, today where one is missing. */
export function daysOf(range: Range, chosen: Days, today: string): Days {
  const back = (count: number) => ({ from: addDays(today, 1 - count), to: today });
  const month = `${today.slice(0, 8)}01`;
  const endOfLastMonth = addDays(month, -1);
  const days: Record<Range, () => Days> = {
    today: () => back(1),
    yesterday: () => ({ from: addDays(today, -1), to: addDays(today, -1) }),
    '7d': () => back(7),
    '30d': () => back(30),
    '90d': () => back(90),
    month: () => ({ from: month, to: today }),
    'last-month': () => ({ from: `${endOfLastMonth.slice(0, 8)}01`, to: endOfLastMonth }),
    custom: () => ordered(chosen.from || today, chosen.to || today),
  };
  return days[range]();
}

function ordered(one: string, other: string): Days {
  return one < other ? { from: one, to: other } : { from: other, to: one };
}

/** As many days as these, right before them. */
export function daysBefore(days: Days): Days {
  return { from: addDays(days.from, -countDays(days)), to: addDays(days.from, -1) };
}

/** The widths of buckets that make sense for so many days. */
export function intervalsFor(days: number): Interval[] {
  return (['minute', 'hour', 'day'] as const).filter((interval) => days <= MOST_DAYS[interval]);
}

export function defaultInterval(days: number): Interval {
  return days <= MOST_DAYS_BY_HOUR ? 'hour' : 'day';
}

/** The starts of all buckets of these days that have begun, as the server writes them. */
export function bucketsOf(days: Days, zone: string, interval: Interval, now: number): string[] {
  const format = offsets(zone);
  const buckets: string[] = [];
  for (let day = days.from; day <= days.to; day = addDays(day, 1)) {
    // A day has 23 hours, or 25, where clocks change.
    const end = Math.min(midnight(format, addDays(day, 1)), now + 1);
    const start = midnight(format, day);
    const next = (at: number) => (interval === 'day' ? end : nextOnTheClock(format, at, WIDTHS_MS[interval]));
    for (let at = start; at < end; at = next(at)) buckets.push(`${new Date(at).toISOString().slice(0, 19)}Z`);
  }
  return buckets;
}

/** The next moment at which the clocks of the zone show a whole hour, or minute: some change by half an hour. */
function nextOnTheClock(format: Intl.DateTimeFormat, at: number, width: number): number {
  const next = at + width;
  const shown = next + offsetOf(format, next);
  return next - (shown - Math.floor(shown / width) * width);
}

function midnight(format: Intl.DateTimeFormat, day: string): number {
  const asUtc = Date.parse(day);
  return asUtc - offsetOf(format, asUtc - offsetOf(format, asUtc));
}

function offsets(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
}

/** Milliseconds east of UTC. */
function offsetOf(format: Intl.DateTimeFormat, moment: number): number {
  const name = format.formatToParts(moment).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT';
  return -Date.parse(`1970-01-01T00:00:00${name.slice('GMT'.length) || 'Z'}`) || 0;
}
