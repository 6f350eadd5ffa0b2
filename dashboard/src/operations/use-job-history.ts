import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import { paceOf } from './polling';

export const MOST_RUNS = 50;

/** The newest runs of a job, newest first. */
export function useJobHistory(name: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['jobs', name, 'history'],
    queryFn: ({ signal }) =>
      take(api.GET('/v1/jobs/{name}/history', { params: { path: { name }, query: { limit: MOST_RUNS } }, signal })),
    refetchInterval: ({ state }) => paceOf(state.data?.runs),
  });
}
