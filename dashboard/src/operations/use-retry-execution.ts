import { useMutation, useQueryClient } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';

/** Takes an execution that has failed up again, from the step that failed. */
export function useRetryExecution() {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => take(api.POST('/v1/workflows/{name}/retry', { params: { path: { name: id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['workflows'] }),
  });
}
