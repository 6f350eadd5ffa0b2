/** Addresses of what one session, or one user, did. */

import { addDays, type Days } from '../ui/days';

/** With `seen` (moments) only the days around them are looked through, which takes less. */
export function sessionPath(sessionId: string, seen?: { first: string; last: string }): string {
  const search = seen ? `?${new URLSearchParams({ ...daysAround(seen) })}` : '';
  return `/explore/sessions/${segmentOf(sessionId)}${search}`;
}

export function userPath(userId: string): string {
  return `/explore/users/${segmentOf(userId)}`;
}

/**
 * An id as a part of a path. Browsers take `.` and `..` for other folders even when they are encoded, and the router
 * takes an encoded `%2F` for a slash: these characters, and the `~` itself, stand as `~` and their code.
 */
function segmentOf(id: string): string {
  const escaped = (characters: string) => [...characters].map((one) => `~${one.charCodeAt(0).toString(16)}`).join('');
  return encodeURIComponent(id.replace(/[~%]|^\.{1,2}$/g, escaped));
}

/** The id that a part of a path, as the router gives it, stands for. */
export function idOf(segment = ''): string {
  return segment.replace(/~([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** What began before midnight in one zone, or went on after it, belongs to it. */
function daysAround({ first, last }: { first: string; last: string }): Days {
  return { from: addDays(first.slice(0, 10), -1), to: addDays(last.slice(0, 10), 1) };
}
