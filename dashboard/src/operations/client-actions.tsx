import { ConfirmButton } from '../ui/confirm-button';
import { CheckboxesField } from '../ui/fields';
import { FormButton } from '../ui/form-button';
import type { OnSecret } from './access-list';
import { PreviousEnds } from './credential-columns';
import { LimitField, NameFields, OverlapField, SCOPES } from './credential-fields';
import { choicesOf, numberOf, textOf } from './form-values';
import type { Secret } from './shown-once';
import { type Client, useAddClient, useLimitClient, useRemoveClient, useRotateClient } from './use-clients';

export function AddClient({ onSecret }: { onSecret: OnSecret }) {
  const add = useAddClient();
  return (
    <FormButton
      label="Add a client"
      title="Add a client"
      submitLabel="Add"
      look="primary"
      onSubmit={async (form) => {
        const name = textOf(form, 'name');
        const made = await add({
          name,
          app: textOf(form, 'app'),
          scopes: choicesOf(form, 'scopes'),
          requests_per_minute: numberOf(form, 'requests_per_minute'),
        });
        return { title: `The client ${name}`, values: valuesOf(made) };
      }}
      onDone={onSecret}
    >
      <NameFields />
      <CheckboxesField name="scopes" label="Scopes" options={SCOPES} checked={['events:write']} />
      <LimitField />
    </FormButton>
  );
}

export function LimitClient({ client }: { client: Client }) {
  const limit = useLimitClient();
  return (
    <FormButton
      label="Limit"
      title={`Limit the client ${client.name}`}
      submitLabel="Save"
      onSubmit={(form) =>
        limit({ client_id: client.client_id, requests_per_minute: numberOf(form, 'requests_per_minute') })
      }
    >
      <p>It counts from the next token of the client on.</p>
      <LimitField limit={client.requests_per_minute} />
    </FormButton>
  );
}

export function RotateClient({ client, onSecret }: { client: Client; onSecret: OnSecret }) {
  const rotate = useRotateClient();
  return (
    <FormButton
      label="Rotate"
      title={`A new secret for the client ${client.name}?`}
      submitLabel="Make a new secret"
      onSubmit={async (form) => {
        const keep_previous_seconds = numberOf(form, 'keep_previous_seconds') ?? 0;
        const made = await rotate({ client_id: client.client_id, keep_previous_seconds });
        return {
          title: `The new secret of the client ${client.name}`,
          values: valuesOf(made),
          note: <PreviousEnds at={made.previous_expires_at} />,
        };
      }}
      onDone={onSecret}
    >
      <p>The secret that is used now stays valid for a while; those before it end at once.</p>
      <OverlapField />
    </FormButton>
  );
}

export function RemoveClient({ client }: { client: Client }) {
  const remove = useRemoveClient();
  return (
    <ConfirmButton
      label="Remove"
      title={`Remove the client ${client.name}?`}
      isDangerous
      action={() => remove(client.client_id)}
    >
      <p>It gets no more tokens, with any of its secrets. The tokens that it has end by themselves.</p>
    </ConfirmButton>
  );
}

function valuesOf(made: { client_id: string; client_secret: string }): Secret['values'] {
  return [
    { label: 'Client id', value: made.client_id },
    { label: 'Client secret', value: made.client_secret },
  ];
}
