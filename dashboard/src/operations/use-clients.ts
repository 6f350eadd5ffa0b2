import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import type { components } from '../api/schema';
import { useApi } from '../api/use-api';
import { useChange } from './use-change';

export type Client = components['schemas']['Client'];
type ClientRequest = components['schemas']['ClientRequest'];

const KEY = 'clients';

export function useClients() {
  const api = useApi();
  return useQuery({
    queryKey: [KEY],
    queryFn: async ({ signal }) => (await take(api.GET('/v1/clients', { signal }))).clients,
  });
}

export function useAddClient() {
  return useChange(KEY, (api, body: ClientRequest) => take(api.POST('/v1/clients', { body })));
}

export function useLimitClient() {
  return useChange(KEY, (api, { client_id, requests_per_minute }: Pick<Client, 'client_id' | 'requests_per_minute'>) =>
    take(api.PATCH('/v1/clients/{client_id}', { params: { path: { client_id } }, body: { requests_per_minute } })),
  );
}

export function useRotateClient() {
  return useChange(
    KEY,
    (api, { client_id, keep_previous_seconds }: { client_id: string; keep_previous_seconds: number }) =>
      take(
        api.POST('/v1/clients/{client_id}/rotate', {
          params: { path: { client_id }, query: { keep_previous_seconds } },
        }),
      ),
  );
}

export function useRemoveClient() {
  return useChange(KEY, (api, client_id: string) =>
    take(api.DELETE('/v1/clients/{client_id}', { params: { path: { client_id } } })),
  );
}
