import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import type { Table } from './completion';

/** The tables that a statement can read. */
export function useSqlSchema(): UseQueryResult<Table[]> {
  const api = useApi();
  return useQuery({
    queryKey: ['sql', 'schema'],
    queryFn: async ({ signal }) => (await take(api.GET('/v1/query/sql/schema', { signal }))).tables,
    staleTime: Number.POSITIVE_INFINITY,
  });
}
