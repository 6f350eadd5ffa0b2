import type { Page } from 'playwright-core';
import { settled, test } from './harness';

function isDark(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/\d+/g) ?? [];
    return Number(red) + Number(green) + Number(blue) < 3 * 128;
  });
}

test('the theme is that of the system, until one is chosen, which stays', async ({ admin }) => {
  await admin.emulateMedia({ colorScheme: 'dark' });
  await admin.goto('/live');
  await settled(admin, 'Live');
  expect(await isDark(admin)).toBe(true);
  await admin.getByRole('button', { name: 'Light' }).click();
  expect(await isDark(admin)).toBe(false);
  await admin.reload();
  await settled(admin, 'Live');
  expect(await isDark(admin)).toBe(false);
});
