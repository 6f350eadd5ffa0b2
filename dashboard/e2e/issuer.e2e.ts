import { settled, test } from './harness';
import { world } from './world';

test('people sign in at the issuer, stay signed in, and sign out there', async ({ open }) => {
  const page = await open(null, { url: world.elsewhereUrl });
  await page.goto('/live?minutes=30');
  await settled(page, /Sign in/);
  expect(page.url()).toBe(`${world.elsewhereUrl}/live?minutes=30`);
  expect(await page.getByLabel('Password').count()).toBe(0);
  expect(await page.getByRole('alert').count()).toBe(0);

  await page.getByRole('button', { name: /^Sign in with 127/ }).click();
  await settled(page, 'Live');
  expect(page.url()).toBe(`${world.elsewhereUrl}/live?minutes=30`);

  await page.reload();
  await settled(page, 'Live');
  expect(await page.getByRole('link', { name: 'Operations' }).isVisible()).toBe(true);
  expect(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).not.toContain(
    'refresh-',
  );

  await page.getByRole('button', { name: 'Sign out' }).click();
  await settled(page, /Sign in/);
  await page.goto('/live');
  await settled(page, /Sign in/);
});
