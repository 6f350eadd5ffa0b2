/** Which events the page is about: what its address says, and what is asked for. */

import type { operations } from '../api/schema';
import { EVENT_TYPES } from '../events/event-types';
import type { Days } from '../ui/days';
import { choice, dayParameter, type SearchState, type SetSearchState, textParameter } from '../ui/use-search-state';
import { dayIn, daysOf, RANGES, visitorZone } from './days';

export type Question = operations['V1QueryRunQuery']['parameters']['query'];
export type Dimension = NonNullable<Question['by']>;

export const SOURCES = ['web', 'mobile', 'api', 'server'] as const;
export const FILTERS = [
  'app',
  'source',
  'country',
  'browser',
  'os',
  'device',
  'page',
  'session_id',
  'user_id',
] as const satisfies (keyof Question)[];
export type Filter = (typeof FILTERS)[number];

export const DIMENSIONS: readonly Dimension[] = [
  'page',
  'country',
  'browser',
  'os',
  'device',
  'source',
  'app',
  'event_name',
];

export const FIELD_LABELS: Record<Filter | Dimension, string> = {
  app: 'App',
  source: 'Source',
  country: 'Country',
  browser: 'Browser',
  os: 'System',
  device: 'Device',
  page: 'Page',
  session_id: 'Session',
  user_id: 'User',
  event_name: 'Event name',
};

export const ROW_LIMITS = [10, 50, 200] as const;

export const PARAMETERS = {
  range: choice(RANGES, '7d'),
  from: dayParameter(''),
  to: dayParameter(''),
  tz: choice(['local', 'UTC'], 'local'),
  interval: choice(['', 'minute', 'hour', 'day'], ''),
  by: choice(DIMENSIONS, 'page'),
  values: choice(ROW_LIMITS, 10),
  values_sort: textParameter('-events'),
  sessions: choice(ROW_LIMITS, 10),
  sessions_sort: textParameter('-events'),
  errors: choice(ROW_LIMITS, 10),
  event_type: choice(['', ...EVENT_TYPES], ''),
  app: textParameter(),
  source: choice(['', ...SOURCES], ''),
  country: textParameter(),
  browser: textParameter(),
  os: textParameter(),
  device: textParameter(),
  page: textParameter(),
  session_id: textParameter(),
  user_id: textParameter(),
};

export type ExploreState = SearchState<typeof PARAMETERS>;
export type SetExplore = SetSearchState<typeof PARAMETERS>;
export type Filters = Pick<ExploreState, Filter | 'event_type'>;

/** The events that all questions of the page are about. */
export type Selection = Omit<Question, 'query_type' | 'by' | 'interval' | 'limit'> & { tz: string };

export function selectionOf(state: ExploreState, now: number): Selection {
  const tz = state.tz === 'UTC' ? 'UTC' : visitorZone();
  const { from, to } = daysOf(state.range, state, dayIn(tz, now));
  return { date_from: from, date_to: to, tz, ...given(state) };
}

function given(state: ExploreState): Partial<Selection> {
  const names = ['event_type', ...FILTERS] as const;
  return Object.fromEntries(names.filter((name) => state[name]).map((name) => [name, state[name]]));
}

export function daysOfSelection({ date_from: from, date_to: to }: Selection): Days {
  return { from, to };
}

/** Whether events may still come: the last day is not over. */
export function isRunning({ date_to, tz = 'UTC' }: Pick<Question, 'date_to' | 'tz'>): boolean {
  return date_to >= dayIn(tz, Date.now());
}
