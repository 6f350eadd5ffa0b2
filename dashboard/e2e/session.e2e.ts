import type { Page } from 'playwright-core';
import { openTab, settled, test } from './harness';
import { api, world } from './world';

const SIGN_IN = /Sign in/;

test('signing out in one tab signs out the other', async ({ reader, complaints }) => {
  const other = await openTab(reader.context(), complaints);
  for (const tab of [reader, other]) {
    await tab.goto('/live');
    await settled(tab, 'Live');
  }
  await reader.getByRole('button', { name: 'Sign out', exact: true }).click();
  await settled(reader, SIGN_IN);
  await settled(other, SIGN_IN);
  await other.reload();
  await settled(other, SIGN_IN);
});

test('signing out everywhere ends the sign-ins of all devices, and of nobody else', async ({ open, admin }) => {
  const [here, there] = [await open(world.reader), await open(world.reader)];
  for (const page of [here, there, admin]) {
    await page.goto('/live');
    await settled(page, 'Live');
  }
  await here.getByRole('button', { name: 'Sign out everywhere' }).click();
  await settled(here, SIGN_IN);
  await there.reload();
  await settled(there, SIGN_IN);
  await admin.reload();
  await settled(admin, 'Live');
});

test('a sign-in that has ended shows the sign-in, and its page again afterwards', async ({ reader, complaints }) => {
  await reader.goto('/live?minutes=30');
  await settled(reader, 'Live');
  const users = (await api('/v1/users')).users as { user_id: string; email: string }[];
  const user = users.find(({ email }) => email === world.reader.email);
  await api(`/v1/users/${user?.user_id}/rotate`, { password: world.reader.password });
  await api('/v1/rotate?end_previous=true', {});
  await settled(reader, SIGN_IN);
  complaints.length = 0; // the answers that said so

  await reader.getByLabel('E-mail').fill(world.reader.email);
  await reader.getByLabel('Password').fill(world.reader.password);
  await reader.getByRole('button', { name: 'Sign in' }).click();
  await settled(reader, 'Live');
  expect(new URL(reader.url()).search).toBe('?minutes=30');
});

test('nothing of the data stays in memory after signing out', async ({ admin }) => {
  await admin.goto('/live');
  await settled(admin, 'Live');
  await admin
    .getByRole('cell', { name: /Card refused/ })
    .first()
    .waitFor();
  await admin.getByRole('button', { name: 'Sign out', exact: true }).click();
  await settled(admin, SIGN_IN);

  const heap = await heapOf(admin);
  const has = (text: string) => heap.includes(text);
  expect(has('Sign in to CloudPulse')).toBe(true);
  expect(['Card refused', world.session].filter(has)).toEqual([]);
});

/** All that the page holds in memory, as text. */
async function heapOf(page: Page): Promise<string> {
  const devtools = await page.context().newCDPSession(page);
  const chunks: string[] = [];
  devtools.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => chunks.push(chunk));
  await devtools.send('HeapProfiler.enable');
  await devtools.send('HeapProfiler.collectGarbage');
  await devtools.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  return chunks.join('');
}
