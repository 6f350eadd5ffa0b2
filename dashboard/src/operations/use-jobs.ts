import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import { paceOf } from './polling';

/** All jobs, when each runs next, and how it ran last. */
export function useJobs() {
  const api = useApi();
  return useQuery({
    queryKey: ['jobs'],
    queryFn: ({ signal }) => take(api.GET('/v1/jobs', { signal })),
    refetchInterval: ({ state }) => paceOf(state.data?.jobs.flatMap(({ last_run }) => last_run ?? [])),
  });
}
