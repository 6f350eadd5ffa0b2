import { render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { ConfirmButton } from './confirm-button';

const press = (name: string) => userEvent.click(screen.getByRole('button', { name }));
const pressInside = (name: string) =>
  userEvent.click(within(screen.getByRole('dialog', { name: 'Purge this letter?' })).getByRole('button', { name }));

function show(action: () => Promise<unknown>, more = {}) {
  return render(
    <ConfirmButton label="Purge" title="Purge this letter?" action={action} {...more}>
      Its events are given up.
    </ConfirmButton>,
  );
}

test('nothing is done before it is confirmed, and then once', async () => {
  const action = vi.fn(async () => {});
  show(action);
  await press('Purge');
  expect(screen.getByRole('dialog')).toHaveTextContent('Its events are given up.');
  await pressInside('Cancel');
  expect(screen.queryByRole('dialog')).toBeNull();
  expect(action).not.toHaveBeenCalled();
  await press('Purge');
  await pressInside('Purge');
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(action).toHaveBeenCalledTimes(1);
});

test('while it is done it cannot be called off', async () => {
  let finish = () => {};
  show(() => new Promise<void>((resolve) => (finish = resolve)), { confirmLabel: 'For good' });
  await press('Purge');
  await pressInside('For good');
  const buttons = within(screen.getByRole('dialog')).getAllByRole('button');
  expect(buttons.map((button) => button.textContent)).toEqual(['Cancel', 'Please wait …']);
  for (const button of buttons) expect(button).toBeDisabled();
  expect(screen.getByRole('dialog').dispatchEvent(new Event('cancel', { cancelable: true }))).toBe(false);
  finish();
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
});

test('a failure is said inside, and it can be tried again', async () => {
  const action = vi.fn().mockRejectedValueOnce(new Error('The pipeline is away.')).mockResolvedValue(null);
  show(action);
  await press('Purge');
  await pressInside('Purge');
  expect(await screen.findByRole('alert')).toHaveTextContent('The pipeline is away.');
  await pressInside('Purge');
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(action).toHaveBeenCalledTimes(2);
});

test('what is held can only be called off', async () => {
  const onOpen = vi.fn();
  show(async () => {}, { isHeld: true, confirmLabel: 'For good', onOpen });
  await press('Purge');
  expect(onOpen).toHaveBeenCalledTimes(1);
  expect(screen.getByRole('button', { name: 'For good' })).toBeDisabled();
  expect(screen.getByRole('button', { name: 'Cancel' })).toBeEnabled();
});
