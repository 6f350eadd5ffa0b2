import { render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { ApiError } from '../api/client';
import { enter } from '../test/enter';
import { CheckboxesField, LinesField, SelectField, TextField } from './fields';
import { FormButton } from './form-button';

function show(onSubmit: (form: FormData) => Promise<unknown>, onDone?: (result: unknown) => void) {
  render(
    <FormButton label="Add" title="Add a key" submitLabel="Save" onSubmit={onSubmit} onDone={onDone}>
      <TextField name="name" label="Name" required />
      <LinesField name="origins" label="Origins" hint="One a line." />
      <SelectField name="overlap" label="Overlap">
        <option>a day</option>
      </SelectField>
      <CheckboxesField name="scopes" label="Scopes" options={['read', 'write']} checked={['read']} />
    </FormButton>,
  );
  return userEvent.click(screen.getByRole('button', { name: 'Add' }));
}

const save = () => userEvent.click(screen.getByRole('button', { name: 'Save' }));
const refused = (field: string) => async () => {
  throw new ApiError(400, 'invalid_parameter', `${field}: is wrong`, [{ field, message: 'is wrong' }]);
};

test('what was entered is handed on, and the form has closed when it is done', async () => {
  const onSubmit = vi.fn(async (form: FormData) => [...form.entries()]);
  const onDone = vi.fn(() => expect(screen.getByRole('dialog', { hidden: true })).not.toHaveAttribute('open'));
  await show(onSubmit, onDone);
  await enter('Name', 'shop');
  await enter('Origins', 'a\nb');
  await userEvent.click(within(screen.getByRole('group', { name: 'Scopes' })).getByLabelText('write'));
  await save();
  const entered = [
    ['name', 'shop'],
    ['origins', 'a\nb'],
    ['overlap', 'a day'],
    ['scopes', 'read'],
    ['scopes', 'write'],
  ];
  await waitFor(() => expect(onDone).toHaveBeenCalledWith(entered));
  expect(screen.queryByRole('dialog')).toBeNull();
});

test('nothing is sent without what is required, or when it is called off', async () => {
  const onSubmit = vi.fn(async () => {});
  await show(onSubmit);
  await save();
  expect(screen.getByRole('dialog', { name: 'Add a key' })).toBeVisible();
  await userEvent.click(screen.getByRole('button', { name: 'Cancel' }));
  expect(screen.queryByRole('dialog')).toBeNull();
  expect(onSubmit).not.toHaveBeenCalled();
});

test('what is wrong with a field stands at the field', async () => {
  await show(refused('origins[0]'));
  await enter('Name', 'shop');
  await save();
  expect(await screen.findByRole('alert')).toHaveTextContent(/^is wrong$/);
  expect(screen.getByLabelText('Origins')).toBeInvalid();
  expect(screen.getByLabelText('Origins')).toHaveAccessibleDescription('One a line. is wrong');
  expect(screen.getByLabelText('Name')).toBeValid();
});

test('what is wrong with something else stands at the form, which can be sent again', async () => {
  await show(refused('moon'));
  await enter('Name', 'shop');
  await save();
  expect(await screen.findByRole('alert')).toHaveTextContent('moon: is wrong');
  expect(screen.getByLabelText('Name')).toHaveValue('shop');
  expect(screen.getByRole('button', { name: 'Save' })).toBeEnabled();
});

test('while it is sent it can be neither sent again nor left', async () => {
  let finish = () => {};
  await show(() => new Promise<void>((resolve) => (finish = resolve)));
  await enter('Name', 'shop');
  await save();
  for (const button of within(screen.getByRole('dialog')).getAllByRole('button')) expect(button).toBeDisabled();
  expect(screen.getByRole('dialog').dispatchEvent(new Event('cancel', { cancelable: true }))).toBe(false);
  finish();
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
});
