import { useMutation, useQueryClient } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';

export const RECONCILE = 'reconcile';

/** Puts a comparison in line, which also repairs when asked to. */
export function useStartReconciliation() {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ repair }: { repair: boolean }) =>
      take(api.POST('/v1/jobs/{name}/run', { params: { path: { name: RECONCILE } }, body: { repair } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['jobs'] }),
  });
}
