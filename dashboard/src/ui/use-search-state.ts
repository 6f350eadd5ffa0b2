/** State that lives in the URL: typed search parameters, which links, the back button and reloads keep. */

import { useSearchParams } from 'react-router';

/** One parameter: how its text is read, and what it is when it is missing or wrong. */
export interface Parameter<Value> {
  initial: Value;
  /** Undefined when the text means nothing. */
  read: (text: string) => Value | undefined;
}

export function textParameter(initial = ''): Parameter<string> {
  return { initial, read: (text) => text };
}

/** One of these values, as `choice(['hour', 'day'], 'hour')` or `choice([5, 15], 5)`. */
export function choice<const Value extends string | number>(
  values: readonly Value[],
  initial: NoInfer<Value>,
): Parameter<Value> {
  return { initial, read: (text) => values.find((value) => String(value) === text) };
}

/** A day as `2026-03-09`. */
export function dayParameter(initial: string): Parameter<string> {
  return { initial, read: (text) => (isDay(text) ? text : undefined) };
}

/** Browsers read `2026-02-31` as a day in March. */
function isDay(text: string): boolean {
  const moment = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  return !Number.isNaN(moment) && new Date(moment).toISOString().startsWith(text);
}

export function flagParameter(): Parameter<boolean> {
  return { initial: false, read: (text) => text === 'true' };
}

// biome-ignore lint/suspicious/noExplicitAny: a parameter of any type
type Parameters = Record<string, Parameter<any>>;
export type SearchState<Of extends Parameters> = { [Name in keyof Of]: Of[Name]['initial'] };
export type SetSearchState<Of extends Parameters> = (
  changes: Partial<SearchState<Of>>,
  options?: { replace?: boolean },
) => void;

/**
 * The parameters of this view, and a setter for some of them at once. What has its initial value is not in the URL;
 * parameters of others stay. `replace` leaves no entry in the history: for what is typed.
 */
export function useSearchState<Of extends Parameters>(parameters: Of): [SearchState<Of>, SetSearchState<Of>] {
  const [search, setSearch] = useSearchParams();
  const set: SetSearchState<Of> = (changes, options) =>
    setSearch((before) => changed(before, parameters, changes), { preventScrollReset: true, ...options });
  return [read(search, parameters), set];
}

function read<Of extends Parameters>(search: URLSearchParams, parameters: Of): SearchState<Of> {
  const values = Object.entries(parameters).map(([name, { initial, read }]) => {
    const text = search.get(name);
    return [name, (text === null ? undefined : read(text)) ?? initial];
  });
  return Object.fromEntries(values) as SearchState<Of>;
}

function changed(before: URLSearchParams, parameters: Parameters, changes: Record<string, unknown>): URLSearchParams {
  const after = new URLSearchParams(before);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === parameters[name]?.initial) after.delete(name);
    else after.set(name, String(value));
  }
  return after;
}
