import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import type { components } from '../api/schema';
import { useApi } from '../api/use-api';
import { useChange } from './use-change';
import { listed, type User } from './users';

type UserRequest = components['schemas']['UserRequest'];

const KEY = 'users';

/** All users, as whoever has `ownId` must see them. */
export function useUsers(ownId: string | null) {
  const api = useApi();
  return useQuery({
    queryKey: [KEY],
    queryFn: async ({ signal }) => (await take(api.GET('/v1/users', { signal }))).users,
    select: (users) => listed(users, ownId),
  });
}

export function useAddUser() {
  return useChange(KEY, (api, body: UserRequest) => take(api.POST('/v1/users', { body })));
}

export function useSetGroups() {
  return useChange(KEY, (api, { user_id, groups }: Pick<User, 'user_id' | 'groups'>) =>
    take(api.PATCH('/v1/users/{user_id}', { params: { path: { user_id } }, body: { groups } })),
  );
}

/** The answer has a new password, which the server has generated. */
export function useRotatePassword() {
  return useChange(KEY, (api, user_id: string) =>
    take(api.POST('/v1/users/{user_id}/rotate', { params: { path: { user_id } }, body: {} })),
  );
}

export function useRemoveUser() {
  return useChange(KEY, (api, user_id: string) =>
    take(api.DELETE('/v1/users/{user_id}', { params: { path: { user_id } } })),
  );
}
