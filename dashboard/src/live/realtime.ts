/** Live counts as the server sends them, and what is read out of them. */

import type { components } from '../api/schema';
import type { TimeRow } from '../ui/chart/series';

export type Realtime = components['schemas']['Realtime'];

const MINUTE_MS = 60_000;

/** The minute that a moment is in, by its first millisecond. */
export function startOfMinute(moment: number): number {
  return Math.floor(moment / MINUTE_MS) * MINUTE_MS;
}

/** A row for each minute of the lookback up to `now`, also for those without events. */
export function minuteRows({ timeline, lookback_minutes }: Realtime, now: number): TimeRow[] {
  const counts = new Map(timeline.map((counted) => [minuteOf(counted), valuesOf(counted)]));
  const first = startOfMinute(now) - lookback_minutes * MINUTE_MS;
  // Clocks of senders may run ahead: what they sent is counted, and so it is shown.
  const last = Math.max(startOfMinute(now), ...counts.keys());
  const rows: TimeRow[] = [];
  for (let minute = first; minute <= last; minute += MINUTE_MS) {
    rows.push({ at: new Date(minute).toISOString(), values: counts.get(minute) ?? {} });
  }
  return rows;
}

/** How many events came between two answers with the same lookback. */
export function arrived(before: Realtime, after: Realtime): number {
  const known = new Map(before.timeline.map((counted) => [minuteOf(counted), totalOf(counted)]));
  return after.timeline
    .map((counted) => totalOf(counted) - (known.get(minuteOf(counted)) ?? 0))
    .reduce((sum, more) => sum + Math.max(0, more), 0);
}

/** Events a second in the minute before `now` and the one that runs. */
export function recentRate({ timeline }: Realtime, now: number): number {
  const since = startOfMinute(now) - MINUTE_MS;
  const recent = timeline.filter((counted) => minuteOf(counted) >= since);
  return recent.reduce((sum, counted) => sum + totalOf(counted), 0) / ((now - since) / 1000);
}

type Counted = Realtime['timeline'][number];

function minuteOf({ minute }: Counted): number {
  return Date.parse(`${minute}:00Z`);
}

function valuesOf({ minute: _, ...values }: Counted): Record<string, number> {
  return values as Record<string, number>;
}

function totalOf(counted: Counted): number {
  return Object.values(valuesOf(counted)).reduce((sum, count) => sum + count, 0);
}
