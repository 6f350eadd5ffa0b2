import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';

const POLL_MS = 10_000;

/** Lag, backlog, disk and rates of the last hours. */
export function useHealthHistory(hours: number) {
  const api = useApi();
  return useQuery({
    queryKey: ['health history', hours],
    queryFn: ({ signal }) => take(api.GET('/v1/health/history', { params: { query: { hours } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: POLL_MS,
  });
}
