import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import type { Consumer } from './letters';

const POLL_MS = 5_000;
const MOST_LETTERS = 100;

interface LetterFilter {
  consumer?: Consumer;
  fingerprint?: string;
}

/** What waits for a decision: groups that failed in the same way, and the oldest letters. */
export function useDeadLetters(filter: LetterFilter = {}) {
  const api = useApi();
  return useQuery({
    queryKey: ['dead letters', filter],
    queryFn: ({ signal }) =>
      take(api.GET('/v1/dlq', { params: { query: { ...filter, limit: MOST_LETTERS } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: POLL_MS,
  });
}
