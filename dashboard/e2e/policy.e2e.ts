import { settled, test } from './harness';
import { world } from './world';

test('what is not of the build does not run, and does not count as style', async ({ admin, complaints }) => {
  await admin.goto('/live');
  await settled(admin, 'Live');
  await admin.evaluate(() => {
    document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.hasRun = true' }));
    document.head.append(Object.assign(document.createElement('style'), { textContent: 'h1 { display: none }' }));
  });
  await expect.poll(() => complaints.length).toBe(2);
  expect(complaints.join()).toMatch(/script-src 'self'.*style-src 'self'/s);
  expect(await admin.evaluate(() => 'hasRun' in window)).toBe(false);
  expect(await admin.getByRole('heading', { level: 1 }).isVisible()).toBe(true);
  complaints.length = 0;
});

test('no page can frame it, not even one of its own server', async ({ page, complaints }) => {
  await page.route(`${world.url}/framing`, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<iframe src="/live"></iframe>' }),
  );
  await page.goto('/framing');
  await expect.poll(() => complaints.join()).toContain("frame-ancestors 'none'");
  complaints.length = 0;
});

test('the page asks nobody but its server', async ({ admin }) => {
  const asked = new Set<string>();
  admin.on('request', (request) => asked.add(new URL(request.url()).origin));
  await admin.goto('/live');
  await settled(admin, 'Live');
  expect([...asked]).toEqual([world.url]);
});
