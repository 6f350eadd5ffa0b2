import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';

/** Where every accepted event is; `isDeep` reads all files and ids, however many there are. */
export function useLedger(isDeep: boolean) {
  const api = useApi();
  return useQuery({
    queryKey: ['ledger', isDeep],
    queryFn: ({ signal }) =>
      take(api.GET('/v1/ledger', { params: { query: { deep: isDeep ? true : undefined } }, signal })),
  });
}
