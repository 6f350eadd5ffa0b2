import { type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import { useFollow } from '../api/use-follow';
import type { Realtime } from './realtime';

const POLL_MS = 2_000;

export interface Live {
  query: UseQueryResult<Realtime>;
  isPolling: boolean;
  /** When the server last gave a sign of life. */
  signAt: () => number;
}

/** Live counts of the last minutes: as the server sends them, else asked for again and again. */
export function useRealtime(minutes: number): Live {
  const api = useApi();
  const queries = useQueryClient();
  const queryKey = ['realtime', minutes];
  const { state, signAt } = useFollow(`/v1/realtime/stream?lookback_minutes=${minutes}`, ({ data }) =>
    queries.setQueryData<Realtime>(queryKey, JSON.parse(data ?? '')),
  );
  const isPolling = state === 'failed';
  const query = useQuery({
    queryKey,
    queryFn: ({ signal }) =>
      take(api.GET('/v1/realtime', { params: { query: { lookback_minutes: minutes } }, signal })),
    enabled: isPolling,
    refetchInterval: POLL_MS,
    gcTime: 0,
  });
  return {
    query,
    isPolling,
    signAt: () => (isPolling ? query.dataUpdatedAt : signAt.current),
  };
}
