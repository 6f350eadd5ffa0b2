import { render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { createMemoryRouter, RouterProvider } from 'react-router';
import { ApiProvider } from '../api/use-api';
import { type Grant, type PublicConfig, Session } from '../auth/session';
import { SessionProvider } from '../auth/use-session';

export const CONFIG = {
  issuer: 'http://localhost:3000',
  sign_in: ['password'],
  features: [],
} as unknown as PublicConfig;

/** A session of somebody with these scopes. */
export async function signedIn(
  scopes: readonly string[] = ['events:read', 'admin'],
  accessToken = 'token',
): Promise<Session> {
  const grant: Grant = { accessToken, endsAt: Date.now() + 3_600_000, scopes };
  const session = new Session(CONFIG, { renew: async () => grant, end: async () => {} }, null);
  await session.renew();
  return session;
}

/** Show `page` at an address as the dashboard does; the router tells where it is now. */
export async function renderPage(
  page: ReactNode,
  {
    at = '/',
    path = '*',
    scopes,
    accessToken,
  }: { at?: string; path?: string; scopes?: readonly string[]; accessToken?: string } = {},
) {
  const session = await signedIn(scopes, accessToken);
  const router = createMemoryRouter([{ path, element: page }], { initialEntries: [at] });
  const shown = render(
    <SessionProvider session={session}>
      <ApiProvider>
        <RouterProvider router={router} />
      </ApiProvider>
    </SessionProvider>,
  );
  return { ...shown, router, session };
}
