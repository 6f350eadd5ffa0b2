import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import type { components } from '../api/schema';
import { useApi } from '../api/use-api';

export type Report = components['schemas']['Report'];
export type Difference = components['schemas']['Difference'];
export type FileFault = components['schemas']['FileFault'];

export const RECONCILIATION = 'reconciliation';

/** The newest reports, the newest first. */
export function useReconciliation(limit: number) {
  const api = useApi();
  return useQuery({
    queryKey: [RECONCILIATION, limit],
    queryFn: async ({ signal }) =>
      (await take(api.GET('/v1/reconciliation', { params: { query: { limit } }, signal }))).reports,
    placeholderData: keepPreviousData,
  });
}
