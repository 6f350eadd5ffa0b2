import { useMutation, useQueryClient } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';

/** Gives the events of a letter up for good. */
export function usePurge() {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => take(api.DELETE('/v1/dlq/{letter_id}', { params: { path: { letter_id: id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['dead letters'] }),
  });
}
