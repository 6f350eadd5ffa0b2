import { settled, test } from './harness';

test('an address that nobody knows is a problem of the API', async ({ page, complaints }) => {
  const answer = await page.goto('/nothing');
  expect(answer?.status()).toBe(404);
  expect(answer?.headers()['content-type']).toBe('application/problem+json');
  await expect.poll(() => complaints.join()).toContain('404');
  complaints.length = 0;
});

test('a view that nobody knows leads back', async ({ admin }) => {
  await admin.goto('/operations/nothing');
  await admin.getByRole('link', { name: 'Go to the live view.' }).click();
  await settled(admin, 'Live');
});
