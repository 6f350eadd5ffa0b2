import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';

/** One dead letter with its stack and its events; what it holds never changes. */
export function useDeadLetter(id: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['dead letter', id],
    queryFn: ({ signal }) => take(api.GET('/v1/dlq/{letter_id}', { params: { path: { letter_id: id } }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });
}
