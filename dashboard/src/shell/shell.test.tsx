import { screen } from '@testing-library/react';
import { fakeServer } from '../test/fake-server';
import { renderPage } from '../test/render-page';
import { AdminOnly } from './admin-only';
import { NotFound } from './not-found';

beforeEach(() => {
  fakeServer({});
});

test('what is for administrators is shown to them alone', async () => {
  const page = <AdminOnly>Keys</AdminOnly>;
  const { unmount } = await renderPage(page, { scopes: ['admin'] });
  expect(screen.getByText('Keys')).toBeVisible();
  unmount();
  await renderPage(page, { scopes: ['events:read'] });
  expect(screen.queryByText('Keys')).toBeNull();
  expect(screen.getByRole('alert')).toHaveTextContent('You may not see this');
});

test('an address without a page leads back', async () => {
  await renderPage(<NotFound />);
  expect(screen.getByRole('link')).toHaveAttribute('href', '/live');
});
