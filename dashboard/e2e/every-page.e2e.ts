import { axe, onPhone, screenshot, settled, sidewaysScroll, test } from './harness';
import { ROUTES } from './routes';

test.for(ROUTES)(
  '$name opens, is accessible in both themes, fits a phone, and survives a reload',
  async (route, { admin }) => {
    await admin.goto(route.path);
    await settled(admin, route.heading);
    await screenshot(admin, route.name);
    expect(await axe(admin)).toEqual([]);
    expect(await sidewaysScroll(admin)).toBe(0);

    await admin.getByRole('button', { name: 'Dark' }).click();
    await screenshot(admin, `${route.name}-dark`);
    await onPhone(admin);
    await screenshot(admin, `${route.name}-dark`);
    expect(await axe(admin)).toEqual([]);
    expect(await sidewaysScroll(admin)).toBe(0);

    const address = admin.url();
    await admin.reload();
    await settled(admin, route.heading);
    expect(admin.url()).toBe(address);
  },
);

test('operations are for administrators', async ({ reader }) => {
  await reader.goto('/operations/jobs');
  await reader.getByRole('alert').getByText('You may not see this').waitFor();
  expect(await reader.getByRole('link', { name: 'Operations' }).count()).toBe(0);
});
