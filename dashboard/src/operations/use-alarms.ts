import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';

const POLL_MS = 10_000;
const MOST_EPISODES = 200;

/** All alarms as they are now, and the newest times that any rang. */
export function useAlarms() {
  const api = useApi();
  return useQuery({
    queryKey: ['alarms'],
    queryFn: ({ signal }) => take(api.GET('/v1/alarms', { params: { query: { limit: MOST_EPISODES } }, signal })),
    refetchInterval: POLL_MS,
  });
}
