import { useSession } from '../auth/use-session';
import { Badge } from '../ui/badge';
import type { Column } from '../ui/data-table';
import { Moment } from '../ui/moment';
import { AccessList, type OnSecret } from './access-list';
import { useUsers } from './use-users';
import { AddUser, RemoveUser, RotatePassword, SetGroups } from './user-actions';
import type { Listed } from './users';

/** People who sign in here. */
export default function UsersView() {
  return (
    <AccessList
      title="Users"
      about="A user signs in with an e-mail address and a password, and may do what the groups say."
      query={useUsers(useSession().userId())}
      rowKey={(user) => user.user_id}
      add={(onSecret) => <AddUser onSecret={onSecret} />}
      columns={columns}
    />
  );
}

function columns(onSecret: OnSecret): Column<Listed>[] {
  return [
    {
      key: 'email',
      header: 'E-mail',
      sortBy: (user) => user.email,
      cell: (user) => (
        <>
          {user.email} {user.isSelf && <Badge>you</Badge>}
        </>
      ),
    },
    { key: 'groups', header: 'Groups', cell: (user) => user.groups.join(', ') || 'none' },
    {
      key: 'added',
      header: 'Added',
      sortBy: (user) => Date.parse(user.created_at),
      cell: (user) => <Moment at={user.created_at} />,
    },
    {
      key: 'actions',
      header: 'Actions',
      cell: (user) => (
        <div className="row actions">
          <SetGroups user={user} />
          <RotatePassword user={user} onSecret={onSecret} />
          <RemoveUser user={user} />
        </div>
      ),
    },
  ];
}
