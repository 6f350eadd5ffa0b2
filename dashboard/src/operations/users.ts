import type { components } from '../api/schema';

export type User = components['schemas']['User'];

/** A user, with what must be known before anything is taken away. */
export interface Listed extends User {
  /** Whoever looks at the page. */
  isSelf: boolean;
  isLastAdmin: boolean;
}

export function listed(users: readonly User[], ownId: string | null): Listed[] {
  const admins = users.filter((user) => user.groups.includes('admin'));
  return users.map((user) => ({
    ...user,
    isSelf: user.user_id === ownId,
    isLastAdmin: admins.length === 1 && admins[0] === user,
  }));
}
