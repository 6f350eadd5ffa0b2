import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';

/** Put a text into a field at once, where its keys one by one do not matter. */
export async function enter(label: string | RegExp, text: string): Promise<void> {
  await userEvent.click(screen.getByLabelText(label));
  await userEvent.paste(text);
}
