import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import { untilEnded } from './polling';

/** One execution of a workflow, asked for again and again until it has ended. */
export function useExecution(id: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['workflows', 'execution', id],
    queryFn: ({ signal }) => take(api.GET('/v1/workflows/{name}', { params: { path: { name: id } }, signal })),
    refetchInterval: untilEnded,
  });
}
