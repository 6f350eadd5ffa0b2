import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import { paceOf } from './polling';
import type { RunStatus } from './runs';

export const MOST_EXECUTIONS = 50;

/** The newest executions of workflows, of one status or all. */
export function useWorkflows(status?: RunStatus) {
  const api = useApi();
  return useQuery({
    queryKey: ['workflows', status],
    queryFn: ({ signal }) =>
      take(api.GET('/v1/workflows', { params: { query: { status, limit: MOST_EXECUTIONS } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => paceOf(state.data?.executions),
  });
}
