import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import type { NamedQuery } from './named';

/** The queries that have a name. */
export function useNamedQueries(): UseQueryResult<NamedQuery[]> {
  const api = useApi();
  return useQuery({
    queryKey: ['sql', 'named'],
    queryFn: async ({ signal }) => (await take(api.GET('/v1/query/named', { signal }))).queries,
    staleTime: Number.POSITIVE_INFINITY,
  });
}
