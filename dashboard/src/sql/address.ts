/** What of the page stands in its address. */

import type { Days } from '../ui/days';
import { choice, dayParameter, type Parameter, type SearchState, textParameter } from '../ui/use-search-state';
import type { Choice } from './chart-data';
import type { Question } from './use-answer';

export const ROWS = [100, 1_000, 10_000] as const;
export const VIEWS = ['table', 'chart'] as const;

/** How a result is looked at. */
export interface Look extends Choice {
  view: (typeof VIEWS)[number];
  sort: string;
}

/** Null is what was not chosen, while '' is the choice of none. */
const CHOSEN: Parameter<string | null> = { initial: null, read: (text) => text };

export const PARAMETERS = {
  sql: textParameter(),
  named: textParameter(),
  from: dayParameter(''),
  to: dayParameter(''),
  rows: choice(ROWS, 1_000),
  view: choice(VIEWS, 'table'),
  sort: textParameter(),
  x: CHOSEN,
  y: textParameter(),
  series: CHOSEN,
};

export type Address = SearchState<typeof PARAMETERS>;

/** The server takes addresses of 8 KiB: a page with a longer one could not be opened again. */
const MOST_CHARS = 6_000;
/** Names of columns may have commas in them. */
const BETWEEN_NAMES = '\n';

/** Whether a statement is too long for an address. */
export function isLong(sql: string): boolean {
  return encodeURIComponent(sql).length > MOST_CHARS;
}

export function daysOf({ from, to }: Address): Days | null {
  return from && to ? { from, to } : null;
}

export function questionOf(address: Address): Question | null {
  const { sql, named, rows: limit } = address;
  const days = daysOf(address);
  if (named && days) return { named, ...days, limit };
  return sql ? { sql, limit } : null;
}

/** The parameters of a question; how its result is looked at stays, but for the order, which belongs to its columns. */
export function addressOf(question: Question): Partial<Address> {
  const { limit, ...asked } = question;
  return { sql: '', named: '', from: '', to: '', sort: '', rows: limit as Address['rows'], ...asked };
}

export function lookOf({ view, sort, x, y, series }: Address): Look {
  return { view, sort, x, y: y ? y.split(BETWEEN_NAMES) : null, series };
}

export function lookParameters({ y, ...others }: Partial<Look>): Partial<Address> {
  return y === undefined ? others : { ...others, y: (y ?? []).join(BETWEEN_NAMES) };
}
