import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import type { components } from '../api/schema';
import { useApi } from '../api/use-api';
import { useChange } from './use-change';

export type WriteKey = components['schemas']['WriteKey'];
type WriteKeyRequest = components['schemas']['WriteKeyRequest'];
type WriteKeyChange = Pick<WriteKey, 'key_id' | 'origins' | 'requests_per_minute'>;

const KEY = 'write-keys';

export function useWriteKeys() {
  const api = useApi();
  return useQuery({
    queryKey: [KEY],
    queryFn: async ({ signal }) => (await take(api.GET('/v1/write-keys', { signal }))).write_keys,
  });
}

export function useAddWriteKey() {
  return useChange(KEY, (api, body: WriteKeyRequest) => take(api.POST('/v1/write-keys', { body })));
}

export function useChangeWriteKey() {
  return useChange(KEY, (api, { key_id, ...body }: WriteKeyChange) =>
    take(api.PATCH('/v1/write-keys/{key_id}', { params: { path: { key_id } }, body })),
  );
}

export function useRotateWriteKey() {
  return useChange(KEY, (api, { key_id, keep_previous_seconds }: { key_id: string; keep_previous_seconds: number }) =>
    take(
      api.POST('/v1/write-keys/{key_id}/rotate', { params: { path: { key_id }, query: { keep_previous_seconds } } }),
    ),
  );
}

export function useRemoveWriteKey() {
  return useChange(KEY, (api, key_id: string) =>
    take(api.DELETE('/v1/write-keys/{key_id}', { params: { path: { key_id } } })),
  );
}
