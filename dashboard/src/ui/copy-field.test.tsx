import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { CopyField } from './copy-field';

test('a press copies the text', async () => {
  const user = userEvent.setup();
  render(<CopyField label="Secret" value="s3cret" />);
  await user.click(screen.getByRole('button', { name: 'Copy: Secret' }));
  expect(await screen.findByText('Copied.')).toBeVisible();
  expect(await navigator.clipboard.readText()).toBe('s3cret');
});

test('without a clipboard the text is selected, to be copied by hand', async () => {
  const user = userEvent.setup();
  vi.spyOn(navigator.clipboard, 'writeText').mockRejectedValue(new Error('no'));
  render(<CopyField label="Secret" value="s3cret" />);
  await user.click(screen.getByRole('button', { name: 'Copy: Secret' }));
  expect(await screen.findByText(/press Ctrl\+C/)).toBeVisible();
  const field = screen.getByLabelText<HTMLInputElement>('Secret');
  expect([field.selectionStart, field.selectionEnd]).toEqual([0, 6]);
});
