import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import { hasEnded } from './runs';

const POLL_MS = 10_000;
const FAST_MS = 1_000;

/** All jobs, when each runs next, and how it ran last. */
export function useJobs() {
  const api = useApi();
  return useQuery({
    queryKey: ['jobs'],
    queryFn: ({ signal }) => take(api.GET('/v1/jobs', { signal })),
    refetchInterval: ({ state }) =>
      state.data?.jobs.every(({ last_run }) => !last_run || hasEnded(last_run)) ? POLL_MS : FAST_MS,
  });
}
