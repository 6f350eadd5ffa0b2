import { hashKey, queryOptions, type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type Api, take } from '../api/client';
import type { components } from '../api/schema';
import { useApi } from '../api/use-api';
import type { Days } from '../ui/days';

export type Answer = components['schemas']['SqlAnswer'];

/** A statement or the name of one, and how many rows of its answer are wanted at most. */
export type Question = { limit: number } & ({ sql: string } | ({ named: string } & Days));

export interface Asking {
  /** The answer to the question, as far as it was asked. */
  query: UseQueryResult<Answer>;
  isCancelled: boolean;
  ask: (question: Question) => void;
  cancel: () => void;
}

/**
 * Asks when it is told to, never by itself. A question may come from a link that somebody else has made: it takes the
 * server's time, and shows what may be personal, so whoever opened the link is to read it first.
 */
export function useAnswer(question: Question | null): Asking {
  const api = useApi();
  const queries = useQueryClient();
  const [cancelled, setCancelled] = useState<Question | null>(null);
  const query = useQuery({ ...answerOptions(api, question), enabled: false });
  return {
    query,
    isCancelled: cancelled !== null && isSame(cancelled, question),
    ask: (asked) => {
      setCancelled(null);
      // What goes wrong is told by `query`.
      queries.fetchQuery(answerOptions(api, asked)).catch(() => {});
    },
    cancel: () => {
      setCancelled(question);
      void queries.cancelQueries({ queryKey: answerOptions(api, question).queryKey });
    },
  };
}

export function isSame(one: Question, other: Question | null): boolean {
  return other !== null && hashKey([one]) === hashKey([other]);
}

function answerOptions(api: Api, question: Question | null) {
  return queryOptions({
    queryKey: ['sql', 'answer', question],
    // The server ends a statement when nobody waits for its answer any more.
    queryFn: ({ signal }) => answer(api, question as Question, signal),
    retry: false,
    staleTime: 0,
    structuralSharing: false,
  });
}

function answer(api: Api, question: Question, signal: AbortSignal): Promise<Answer> {
  const { limit } = question;
  if ('sql' in question) return take(api.POST('/v1/query/sql', { body: { sql: question.sql, limit }, signal }));
  const query = { date_from: question.from, date_to: question.to, limit };
  return take(api.GET('/v1/query/named/{name}', { params: { path: { name: question.named }, query }, signal }));
}
