/** What the columns of an answer hold, by DuckDB's types. */

import type { Answer } from './use-answer';

export type Column = Answer['columns'][number];
export type Row = Answer['results'][number];
type Kind = 'number' | 'moment' | 'day' | 'object' | 'text';

const NUMBER = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|BIGNUM|DECIMAL\(.*\))$/;
const OBJECT = /^(STRUCT|MAP|UNION)\(|\]$/;

export function kindOf({ type }: Column): Kind {
  if (NUMBER.test(type)) return 'number';
  if (type.startsWith('TIMESTAMP')) return 'moment';
  if (type === 'DATE') return 'day';
  return OBJECT.test(type) ? 'object' : 'text';
}

/** A value as one line of text; null stands as `null`. */
export function textOf(value: unknown): string {
  return value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value);
}
