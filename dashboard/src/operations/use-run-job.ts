import { useMutation, useQueryClient } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';

interface Wanted {
  name: string;
  /** Those that are not given have their defaults. */
  args?: Record<string, unknown>;
}

/** Has a job run now. */
export function useRunJob() {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ name, args = {} }: Wanted) =>
      take(api.POST('/v1/jobs/{name}/run', { params: { path: { name } }, body: args })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['jobs'] }),
  });
}
