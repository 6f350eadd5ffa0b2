import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import type { components } from '../api/schema';
import { useApi } from '../api/use-api';
import { hasEnded } from './runs';

export type Erasure = components['schemas']['Erasure'];

const POLL_MS = 2_000;

/** One erasure, asked for again and again until it is done or has failed. */
export function useErasure(erasureId: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['erasures', erasureId],
    queryFn: ({ signal }) =>
      take(api.GET('/v1/erase/{erasure_id}', { params: { path: { erasure_id: erasureId } }, signal })),
    refetchInterval: ({ state }) => state.data !== undefined && !hasEnded(state.data) && POLL_MS,
  });
}
