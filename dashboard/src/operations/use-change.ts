import { useQueryClient } from '@tanstack/react-query';
import type { Api } from '../api/client';
import { useApi } from '../api/use-api';

/**
 * Something that changes what a query shows: that is asked for again afterwards. What the server answers goes to the
 * caller and is kept nowhere, for it may be a secret.
 */
export function useChange<Input, Result>(
  queryKey: string,
  change: (api: Api, input: Input) => Promise<Result>,
): (input: Input) => Promise<Result> {
  const api = useApi();
  const queries = useQueryClient();
  return async (input) => {
    try {
      return await change(api, input);
    } finally {
      void queries.invalidateQueries({ queryKey: [queryKey] });
    }
  };
}
