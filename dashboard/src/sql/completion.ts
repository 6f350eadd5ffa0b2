/** What the editor offers: words of SQL, tables, and the columns of those tables that the statement names. */

import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { sql } from '@codemirror/lang-sql';
import type { Extension } from '@codemirror/state';
import type { components } from '../api/schema';
import { DUCKDB } from './dialect';

export type Table = components['schemas']['Table'];

const WORD = /\w+/;

export function completion(tables: readonly Table[]): Extension {
  // By itself it knows the columns behind `events.` alone; mostly columns stand without their table.
  const schema = Object.fromEntries(tables.map((table) => [table.name, table.columns.map(option)]));
  return [
    sql({ dialect: DUCKDB, schema, upperCaseKeywords: true }),
    DUCKDB.language.data.of({ autocomplete: (context: CompletionContext) => complete(context, tables) }),
  ];
}

function complete(context: CompletionContext, tables: readonly Table[]): CompletionResult | null {
  const word = context.matchBefore(/[\w.'"]*/);
  if (!word || /[.'"]/.test(word.text) || !(word.text || context.explicit)) return null;
  return { from: word.from, options: columnsInSight(context.state.doc.toString(), tables), validFor: WORD };
}

/** The columns of all tables that a statement names, each once; before it names one, those of all. */
export function columnsInSight(statement: string, tables: readonly Table[]): Completion[] {
  const words = new Set(statement.toLowerCase().match(/\w+/g));
  const named = tables.filter((table) => words.has(table.name));
  const columns = (named.length ? named : tables).flatMap((table) => table.columns);
  return [...new Map(columns.map((column) => [column.name, option(column)])).values()];
}

function option({ name, type }: Table['columns'][number]): Completion {
  return { label: name, type: 'property', detail: type.toLowerCase() };
}
