import type { Page } from 'playwright-core';
import { settled, test } from './harness';

/** Press Tab until an element of that name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate(() => document.activeElement?.textContent?.trim())) === name) return;
  }
  throw new Error(`Tab does not lead to ${name}`);
}

function outline(page: Page): Promise<string> {
  return page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle);
}

test('one can go everywhere and out by keyboard alone', async ({ admin }) => {
  await admin.goto('/live');
  await settled(admin, 'Live');
  await admin.keyboard.press('Tab');
  const skip = admin.getByRole('link', { name: 'Skip to the content' });
  expect(await skip.evaluate((link) => link === document.activeElement)).toBe(true);
  expect((await skip.boundingBox())?.x).toBeGreaterThanOrEqual(0);
  await admin.keyboard.press('Enter');
  await admin.keyboard.press('Tab');
  expect(await admin.evaluate(() => document.querySelector('main')?.contains(document.activeElement))).toBe(true);

  for (const [name, path] of Object.entries({ Explore: '/explore', SQL: '/sql', Operations: '/operations/health' })) {
    await admin.goto('/live');
    await settled(admin, 'Live');
    await tabTo(admin, name);
    expect(await outline(admin)).not.toBe('none');
    await admin.keyboard.press('Enter');
    await admin.waitForURL(`**${path}`);
  }
  await admin.goto('/live');
  await settled(admin, 'Live');
  await tabTo(admin, 'Sign out');
  await admin.keyboard.press('Enter');
  await settled(admin, /Sign in/);
});
