import { lazy, Suspense, useState } from 'react';
import { createBrowserRouter, Navigate, type RouteObject, RouterProvider } from 'react-router';
import { ApiProvider } from './api/use-api';
import type { Session } from './auth/session';
import { SignInPage } from './auth/sign-in-page';
import { SessionProvider, useSessionState } from './auth/use-session';
import { LivePage } from './live/live-page';
import { AdminOnly } from './shell/admin-only';
import { NotFound } from './shell/not-found';
import { Shell } from './shell/shell';
import { Loading } from './ui/states';

const ExplorePage = lazy(() => import('./explore/explore-page'));
const SessionPage = lazy(() => import('./explore/session-page'));
const UserPage = lazy(() => import('./explore/user-page'));
const SqlPage = lazy(() => import('./sql/sql-page'));
const OperationsPage = lazy(() => import('./operations/operations-page'));

const ROUTES: RouteObject[] = [
  {
    element: <Shell />,
    children: [
      { index: true, element: <Navigate to="/live" replace /> },
      { path: 'live', element: <LivePage /> },
      { path: 'explore', element: <ExplorePage /> },
      { path: 'explore/sessions/:sessionId', element: <SessionPage /> },
      { path: 'explore/users/:userId', element: <UserPage /> },
      { path: 'sql', element: <SqlPage /> },
      {
        path: 'operations/*',
        element: (
          <AdminOnly>
            <OperationsPage />
          </AdminOnly>
        ),
      },
      { path: '*', element: <NotFound /> },
    ],
  },
];

export function App({ session }: { session: Session }) {
  return (
    <SessionProvider session={session}>
      <SignedIn />
    </SessionProvider>
  );
}

function SignedIn() {
  // Not before there is a session: on the way back from an issuer the address is another one until then.
  const [router] = useState(() => createBrowserRouter(ROUTES));
  if (!useSessionState().scopes) return <SignInPage />;
  return (
    <ApiProvider>
      <Suspense fallback={<Loading what="the page" />}>
        <RouterProvider router={router} />
      </Suspense>
    </ApiProvider>
  );
}
