/** A hook for each question of `GET /v1/query`. Old answers stay while new ones load. */

import { keepPreviousData, type UseQueryResult, useQuery } from '@tanstack/react-query';
import { type Api, take } from '../api/client';
import type { components } from '../api/schema';
import { useApi } from '../api/use-api';
import type { EventType } from '../events/event-types';
import type { Interval } from '../ui/chart/series';
import { type Dimension, isRunning, type Question, type Selection } from './selection';

type Schemas = components['schemas'];
export type EventCount = Schemas['EventCount'];
type Bucket = Schemas['Bucket'];
export type TopSession = Schemas['TopSession'];
export type ErrorEvent = Schemas['ErrorEvent'];
export type Uniques = Schemas['Uniques'];
export type BreakdownRow = { event_count: number; sessions: number; users: number } & Partial<
  Record<Dimension, string | null>
>;

/** What an answer tells about itself. */
export type AnswerFacts = Pick<
  Schemas['QueryAnswer'],
  'complete_until' | 'execution_ms' | 'scanned_bytes' | 'truncated' | 'cached'
>;
export type Answer<Row> = AnswerFacts & { results: Row[] };
export type Asked<Row> = UseQueryResult<Answer<Row>>;

const REFRESH_MS = 20_000;

export function useEventCounts(selection: Selection): Asked<EventCount> {
  return useQuestion({ query_type: 'event_count', ...selection });
}

/** Sessions and users of each day. */
export function useUniques(selection: Selection): Asked<Uniques> {
  return useQuestion({ query_type: 'uniques', interval: 'day', ...selection });
}

export function useTopSessions(selection: Selection, limit: number): Asked<TopSession> {
  return useQuestion({ query_type: 'top_sessions', limit, ...selection });
}

/** The newest errors; the question knows no type. */
export function useErrors({ event_type: _, ...selection }: Selection, limit: number): Asked<ErrorEvent> {
  return useQuestion({ query_type: 'errors', limit, ...selection });
}

export function useBreakdown(selection: Selection, by: Dimension, limit: number): Asked<BreakdownRow> {
  return useQuestion({ query_type: 'breakdown', by, limit, ...selection });
}

/** A bucket of one type. */
export type TypedBucket = Bucket & { event_type: EventType };

/** Buckets of these types. The server counts one type at a time, so each of them is a request. */
export function useTimeSeries(
  selection: Selection,
  interval: Interval,
  types: readonly EventType[],
): Asked<TypedBucket> {
  const api = useApi();
  return useQuery({
    queryKey: ['query', 'timeseries', selection, interval, types],
    queryFn: async ({ signal }) => {
      const asked = types.map(async (event_type) => {
        const question = { ...selection, query_type: 'timeseries', interval, event_type } as const;
        const answer = await ask<Bucket>(api, question, signal);
        return { ...answer, results: answer.results.map((bucket) => ({ ...bucket, event_type })) };
      });
      return together(await Promise.all(asked));
    },
    refetchInterval: isRunning(selection) && REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}

function together<Row>(answers: readonly Answer<Row>[]): Answer<Row> {
  return {
    results: answers.flatMap((answer) => answer.results),
    complete_until: answers.map((answer) => answer.complete_until).sort()[0] ?? '',
    execution_ms: Math.max(...answers.map((answer) => answer.execution_ms)),
    scanned_bytes: answers.reduce((sum, answer) => sum + answer.scanned_bytes, 0),
    truncated: answers.some((answer) => answer.truncated),
    cached: answers.every((answer) => answer.cached),
  };
}

function useQuestion<Row>(question: Question): Asked<Row> {
  const api = useApi();
  return useQuery({
    queryKey: ['query', question] as const,
    queryFn: ({ signal }) => ask<Row>(api, question, signal),
    refetchInterval: isRunning(question) && REFRESH_MS,
    // Values of another field would stand under the wrong name.
    placeholderData: (before, query) => (query?.queryKey[1].by === question.by ? before : undefined),
  });
}

async function ask<Row>(api: Api, query: Question, signal: AbortSignal): Promise<Answer<Row>> {
  const answer = await take(api.GET('/v1/query', { params: { query }, signal }));
  // Which rows an answer has follows from its question.
  return { ...answer, results: answer.results as Row[] };
}
