import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import { hasEnded, type RunStatus } from './runs';

const POLL_MS = 10_000;
const FAST_MS = 1_000;
export const MOST_EXECUTIONS = 50;

/** The newest executions of workflows, of one status or all. */
export function useWorkflows(status?: RunStatus) {
  const api = useApi();
  return useQuery({
    queryKey: ['workflows', status],
    queryFn: ({ signal }) =>
      take(api.GET('/v1/workflows', { params: { query: { status, limit: MOST_EXECUTIONS } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (state.data?.executions.every(hasEnded) ? POLL_MS : FAST_MS),
  });
}
