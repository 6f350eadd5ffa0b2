import { ConfirmButton } from '../ui/confirm-button';
import { FormButton } from '../ui/form-button';
import type { OnSecret } from './access-list';
import { PreviousEnds } from './credential-columns';
import { LimitField, NameFields, OriginsField, OverlapField } from './credential-fields';
import { linesOf, numberOf, textOf } from './form-values';
import type { Secret } from './shown-once';
import {
  useAddWriteKey,
  useChangeWriteKey,
  useRemoveWriteKey,
  useRotateWriteKey,
  type WriteKey,
} from './use-write-keys';

export function AddWriteKey({ onSecret }: { onSecret: OnSecret }) {
  const add = useAddWriteKey();
  return (
    <FormButton
      label="Add a write key"
      title="Add a write key"
      submitLabel="Add"
      look="primary"
      onSubmit={async (form) => {
        const name = textOf(form, 'name');
        const made = await add({ name, app: textOf(form, 'app'), ...changesOf(form) });
        return { title: `The write key ${name}`, values: valuesOf(made.write_key) };
      }}
      onDone={onSecret}
    >
      <NameFields />
      <OriginsField />
      <LimitField />
    </FormButton>
  );
}

export function ChangeWriteKey({ writeKey }: { writeKey: WriteKey }) {
  const change = useChangeWriteKey();
  return (
    <FormButton
      label="Change"
      title={`Change the write key ${writeKey.name}`}
      submitLabel="Save"
      onSubmit={(form) => change({ key_id: writeKey.key_id, ...changesOf(form) })}
    >
      <p>It counts at once, and the key stays the same.</p>
      <OriginsField origins={writeKey.origins} />
      <LimitField limit={writeKey.requests_per_minute} />
    </FormButton>
  );
}

export function RotateWriteKey({ writeKey, onSecret }: { writeKey: WriteKey; onSecret: OnSecret }) {
  const rotate = useRotateWriteKey();
  return (
    <FormButton
      label="Rotate"
      title={`A new key in the place of ${writeKey.name}?`}
      submitLabel="Make a new key"
      onSubmit={async (form) => {
        const keep_previous_seconds = numberOf(form, 'keep_previous_seconds') ?? 0;
        const made = await rotate({ key_id: writeKey.key_id, keep_previous_seconds });
        return {
          title: `The new key in the place of ${writeKey.name}`,
          values: valuesOf(made.write_key),
          note: <PreviousEnds at={made.previous_expires_at} />,
        };
      }}
      onDone={onSecret}
    >
      <p>The key that is used now stays valid for a while; those before it end at once.</p>
      <OverlapField />
    </FormButton>
  );
}

export function RemoveWriteKey({ writeKey }: { writeKey: WriteKey }) {
  const remove = useRemoveWriteKey();
  return (
    <ConfirmButton
      label="Remove"
      title={`Remove the write key ${writeKey.name}?`}
      isDangerous
      action={() => remove(writeKey.key_id)}
    >
      <p>It ends at once: what pages send with it is refused from then on.</p>
    </ConfirmButton>
  );
}

function changesOf(form: FormData): Pick<WriteKey, 'origins' | 'requests_per_minute'> {
  return { origins: linesOf(form, 'origins'), requests_per_minute: numberOf(form, 'requests_per_minute') };
}

function valuesOf(key: string): Secret['values'] {
  return [{ label: 'Write key', value: key }];
}
