import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import type { components } from '../api/schema';
import { useApi } from '../api/use-api';
import { untilEnded } from './polling';

export type Erasure = components['schemas']['Erasure'];

/** One erasure, asked for again and again until it is done or has failed. */
export function useErasure(erasureId: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['erasures', erasureId],
    queryFn: ({ signal }) =>
      take(api.GET('/v1/erase/{erasure_id}', { params: { path: { erasure_id: erasureId } }, signal })),
    refetchInterval: untilEnded,
  });
}
