/** The newest events, in bounded memory, and which of them are wanted. */

import type { components } from '../api/schema';
import type { EventType } from '../events/event-types';

export type TailEvent = components['schemas']['ListedEvent'];

export const MOST_ROWS = 200;

/** What an event must have; empty means any. */
export interface TailFilter {
  type: EventType | '';
  app: string;
  session: string;
  user: string;
  text: string;
}

export function matches(event: TailEvent, { type, app, session, user, text }: TailFilter): boolean {
  return (
    (!type || event.event_type === type) &&
    (!app || event.app === app) &&
    (!session || event.session_id === session) &&
    (!user || event.user_id === user) &&
    (!text || textOf(event).includes(text.toLowerCase()))
  );
}

/** Both lists as one, last received first, each event once. */
export function merge(known: readonly TailEvent[], incoming: readonly TailEvent[]): TailEvent[] {
  const byId = new Map([...known, ...incoming].map((event) => [event.event_id, event]));
  return [...byId.values()].sort((one, other) => order(other, one)).slice(0, MOST_ROWS);
}

function order(one: TailEvent, other: TailEvent): number {
  // RFC 3339 in UTC with a fixed number of digits: the text sorts as the time does.
  return compare(one.received_at, other.received_at) || compare(one.timestamp, other.timestamp);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

function textOf(event: TailEvent): string {
  const { properties, metadata, ...fields } = event;
  return [...Object.values(fields), ...Object.values(metadata), JSON.stringify(properties)].join('\n').toLowerCase();
}
