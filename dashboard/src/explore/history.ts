/** Addresses of what one session, or one user, did. */

import { addDays, type Days } from '../ui/days';

/** With `seen` (moments) only the days around them are looked through, which takes less. */
export function sessionPath(sessionId: string, seen?: { first: string; last: string }): string {
  const search = seen ? `?${new URLSearchParams({ ...daysAround(seen) })}` : '';
  return `/explore/sessions/${encodeURIComponent(sessionId)}${search}`;
}

export function userPath(userId: string): string {
  return `/explore/users/${encodeURIComponent(userId)}`;
}

/** What began before midnight in one zone, or went on after it, belongs to it. */
function daysAround({ first, last }: { first: string; last: string }): Days {
  return { from: addDays(first.slice(0, 10), -1), to: addDays(last.slice(0, 10), 1) };
}
