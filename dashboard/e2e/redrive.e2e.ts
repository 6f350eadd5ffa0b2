import { settled, test } from './harness';
import { api } from './world';

test('a dead letter is redriven, after it was tried without writing', async ({ admin }) => {
  const [{ id, events }] = (await api('/v1/dlq')).letters;
  expect(events).toBe(1);
  await admin.goto('/operations/dead-letters');
  await settled(admin, 'Operations');
  await admin.getByRole('button', { name: 'Redrive all' }).click();
  const dialog = admin.getByRole('dialog');
  await dialog.getByText(/would succeed/).waitFor();
  await dialog.getByRole('button', { name: 'Redrive', exact: true }).click();
  await admin.getByRole('cell', { name: id, exact: true }).waitFor();
  await admin.getByText('Nothing has been set aside.').waitFor();
  expect((await api('/v1/dlq')).letters).toEqual([]);
});
