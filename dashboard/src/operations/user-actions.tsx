import { ConfirmButton } from '../ui/confirm-button';
import { CheckboxesField, TextField } from '../ui/fields';
import { FormButton } from '../ui/form-button';
import type { OnSecret } from './access-list';
import { SCOPES } from './credential-fields';
import { choicesOf, textOf } from './form-values';
import type { Secret } from './shown-once';
import { useAddUser, useRemoveUser, useRotatePassword, useSetGroups } from './use-users';
import type { Listed } from './users';

export function AddUser({ onSecret }: { onSecret: OnSecret }) {
  const add = useAddUser();
  return (
    <FormButton
      label="Add a user"
      title="Add a user"
      submitLabel="Add"
      look="primary"
      onSubmit={async (form) =>
        secretOf('The new user', await add({ email: textOf(form, 'email'), groups: choicesOf(form, 'groups') }))
      }
      onDone={onSecret}
    >
      <TextField
        name="email"
        label="E-mail"
        type="text"
        inputMode="email"
        required
        maxLength={254}
        autoComplete="off"
      />
      <CheckboxesField
        name="groups"
        label="Groups"
        options={SCOPES}
        checked={['events:read']}
        hint="Without any the user can sign in, and no more. admin does not include the others."
      />
    </FormButton>
  );
}

export function SetGroups({ user }: { user: Listed }) {
  const setGroups = useSetGroups();
  return (
    <FormButton
      label="Groups"
      title={`Groups of ${user.email}`}
      submitLabel="Save"
      onSubmit={(form) => setGroups({ user_id: user.user_id, groups: choicesOf(form, 'groups') })}
    >
      <p>They count from the next sign-in on, or from the next token: within the time that a token is valid.</p>
      <CheckboxesField name="groups" label="Groups" options={SCOPES} checked={user.groups} />
      {user.groups.includes('admin') && <Warning user={user} what="Without the group admin" />}
    </FormButton>
  );
}

export function RotatePassword({ user, onSecret }: { user: Listed; onSecret: OnSecret }) {
  const rotate = useRotatePassword();
  return (
    <FormButton
      label="New password"
      title={`A new password for ${user.email}?`}
      submitLabel="Make a new password"
      onSubmit={async () => secretOf('The new password', await rotate(user.user_id))}
      onDone={onSecret}
    >
      <p>
        The password that is used now ends at once, and so do all sign-ins of this user.
        {user.isSelf && ' This is you: you will have to sign in with the new password soon.'}
      </p>
    </FormButton>
  );
}

export function RemoveUser({ user }: { user: Listed }) {
  const remove = useRemoveUser();
  return (
    <ConfirmButton label="Remove" title={`Remove ${user.email}?`} isDangerous action={() => remove(user.user_id)}>
      <p>All sign-ins of this user end, at the latest when the tokens do.</p>
      <Warning user={user} what="With this" />
    </ConfirmButton>
  );
}

/** What somebody brings upon themselves, or upon all. */
function Warning({ user, what }: { user: Listed; what: string }) {
  if (user.isLastAdmin) {
    return (
      <p className="operations-warning">
        This is the last administrator{user.isSelf && ', and it is you'}. {what} nobody who signs in with a password
        here can open this page; the command <code>cloudpulse users</code> on the server still works.
      </p>
    );
  }
  return user.isSelf && <p className="operations-warning">This is you. {what} you lose this page.</p>;
}

function secretOf(title: string, made: { email: string; password: string | null }): Secret {
  return {
    title,
    values: [
      { label: 'E-mail', value: made.email },
      { label: 'Password', value: made.password ?? '' },
    ],
  };
}
