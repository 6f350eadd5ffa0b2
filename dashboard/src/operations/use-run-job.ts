import { useMutation, useQueryClient } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';

/** Has a job run now, with the arguments that it takes by default. */
export function useRunJob() {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => take(api.POST('/v1/jobs/{name}/run', { params: { path: { name } }, body: {} })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['jobs'] }),
  });
}
