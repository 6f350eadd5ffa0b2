/** Rows as a CSV file (RFC 4180), made so that no spreadsheet reads a formula out of what somebody sent. */

import { download } from './download';

const LINE_END = '\r\n';
/** A cell that begins so is a formula to a spreadsheet; an apostrophe, so that removing one gives back what was sent. */
const FORMULA = /^['=+\-@\t\r\n＝＋－＠]/;
const NUMBER = /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i;

/** The text of a file: a line of names, then a line for each row. Without `columns` all that the first row has. */
export function toCsv(rows: readonly object[], columns = Object.keys(rows[0] ?? {})): string {
  const lines = rows.map((row) => columns.map((column) => cell((row as Record<string, unknown>)[column])));
  return [columns.map(cell), ...lines].map((line) => line.join(',') + LINE_END).join('');
}

/** Have the browser save rows as `name`. */
export function downloadCsv(name: string, rows: readonly object[], columns?: string[]): void {
  download(name, toCsv(rows, columns), 'text/csv;charset=utf-8');
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const harmless = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
