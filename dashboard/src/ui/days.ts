/** Days as `2026-03-09`. */

const DAY_MS = 86_400_000;

export interface Days {
  /** The first day. */
  from: string;
  /** The last day, inclusive. */
  to: string;
}

/** The day in UTC that a moment is in. */
export function utcDay(moment: number): string {
  return new Date(moment).toISOString().slice(0, 10);
}

export function addDays(day: string, count: number): string {
  return utcDay(Date.parse(day) + count * DAY_MS);
}

/** How many days these are. */
export function countDays({ from, to }: Days): number {
  return (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
}
