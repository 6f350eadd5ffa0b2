import type { Page } from 'playwright-core';
import { settled, test } from './harness';
import { world } from './world';

async function write(page: Page, statement: string): Promise<void> {
  const editor = page.getByRole('textbox', { name: 'SQL statement' });
  await editor.press('Control+a');
  await editor.press('Delete');
  await editor.pressSequentially(statement);
  await editor.press('Escape');
}

test('a statement is written and run', async ({ reader }) => {
  await reader.goto('/sql');
  await settled(reader, 'SQL');
  await write(reader, `SELECT event_type, count(*) AS n FROM events WHERE session_id = '${world.session}' GROUP BY 1`);
  await reader.getByRole('textbox', { name: 'SQL statement' }).press('Control+Enter');
  const rows = reader.getByRole('table').getByRole('row');
  await expect.poll(() => rows.count()).toBe(1 + 3);
  const texts = await rows.allTextContents();
  for (const type of ['click', 'error', 'page_view']) {
    expect(texts.some((text) => text.startsWith(`${type}1`))).toBe(true);
  }
});

test('a statement that is refused says why', async ({ reader, complaints }) => {
  await reader.goto('/sql');
  await settled(reader, 'SQL');
  await write(reader, "SELECT * FROM read_csv('settings.toml')");
  await reader.getByRole('button', { name: 'Run', exact: true }).first().click();
  await expect.poll(() => reader.getByRole('alert').allTextContents()).toEqual([expect.stringContaining('read_csv')]);
  // A browser calls any refusal an error.
  await expect.poll(() => complaints.filter((one) => one.includes('400')).length).toBe(1);
  complaints.splice(0, complaints.length, ...complaints.filter((one) => !one.includes('400')));
});
