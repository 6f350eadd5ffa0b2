import { axe, onPhone, screenshot, settled, sidewaysScroll, test } from './harness';
import { world } from './world';

const SIGN_IN = /Sign in to CloudPulse/;

test('a wrong password is told, the right one opens the page that was asked for', async ({ page }) => {
  await page.goto('/live?minutes=30');
  await settled(page, SIGN_IN);
  await page.getByLabel('E-mail').fill(world.admin.email);
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page
    .getByRole('alert')
    .getByText(/password/)
    .waitFor();
  expect(await axe(page)).toEqual([]);

  await page.getByLabel('Password').fill(world.admin.password);
  await page.keyboard.press('Enter');
  await settled(page, 'Live');
  expect(new URL(page.url()).search).toBe('?minutes=30');
});

test('the sign-in page is accessible, and fits a phone', async ({ page }) => {
  await page.goto('/');
  await settled(page, SIGN_IN);
  await screenshot(page, 'sign-in');
  expect(await axe(page)).toEqual([]);
  await onPhone(page);
  await screenshot(page, 'sign-in');
  expect(await sidewaysScroll(page)).toBe(0);
  expect(await axe(page)).toEqual([]);
});

test('no secret is where a script of tomorrow could find it', async ({ admin }) => {
  await admin.goto('/live');
  await settled(admin, 'Live');
  const stored = await admin.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
  );
  expect(stored).toBe('[{},{},""]');
  const cookies = await admin.context().cookies(`${world.url}/v1/auth/refresh`);
  expect(cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite }))).toEqual([
    { httpOnly: true, sameSite: 'Strict' },
  ]);
});
