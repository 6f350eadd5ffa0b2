import { SelectField, TextField } from '../ui/fields';
import { FormButton } from '../ui/form-button';
import { useErase } from './use-erase';
import type { Erasure } from './use-erasure';

/** Asks whose events go, twice, and begins to erase them. */
export function EraseButton({ onBegun }: { onBegun: (erasure: Erasure) => void }) {
  const erase = useErase();
  return (
    <FormButton
      label="Erase …"
      title="Erase all events of a user or a session?"
      submitLabel="Erase for good"
      look="danger"
      onSubmit={async (form) => {
        const id = String(form.get('id'));
        if (id !== form.get('again')) throw new Error('The two ids are not the same. Nothing is erased.');
        return erase(form.get('kind') === 'user' ? { user_id: id } : { session_id: id });
      }}
      onDone={onBegun}
    >
      <p className="operations-warning">This cannot be undone.</p>
      <p>
        Backups and exports are not touched: the record names those that are known. What is sent after this moment is
        accepted as usual.
      </p>
      <SelectField name="kind" label="Whose events">
        <option value="user">of a user</option>
        <option value="session">of a session</option>
      </SelectField>
      <TextField name="id" label="Id of the user or session" required autoComplete="off" />
      <TextField name="again" label="The same id again" required autoComplete="off" />
    </FormButton>
  );
}
