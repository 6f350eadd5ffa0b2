import { useMutation, useQueryClient } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import type { Wanted } from './letters';

/** Has letters tried again, each once; with `isDry` nothing is done but seeing whether that would succeed. */
export function useRedrive({ isDry = false } = {}) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (wanted: Wanted) =>
      take(api.POST('/v1/dlq/redrive', { body: { ids: [], all: false, ...wanted, dry_run: isDry } })),
    onSuccess: () => (isDry ? undefined : queries.invalidateQueries({ queryKey: ['dead letters'] })),
  });
}
