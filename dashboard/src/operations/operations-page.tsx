import { lazy, Suspense, useEffect, useRef } from 'react';
import { Navigate, NavLink, Route, Routes, useLocation } from 'react-router';
import { NotFound } from '../shell/not-found';
import { Loading } from '../ui/states';
import './operations-page.css';

const VIEWS = [
  { path: 'health', title: 'Health', View: lazy(() => import('./health-view')) },
  { path: 'alarms', title: 'Alarms', View: lazy(() => import('./alarms-view')) },
  { path: 'jobs', title: 'Jobs', View: lazy(() => import('./jobs-view')) },
  { path: 'workflows', title: 'Workflows', View: lazy(() => import('./workflows-view')) },
  { path: 'dead-letters', title: 'Dead letters', View: lazy(() => import('./dead-letters-view')) },
  { path: 'reconciliation', title: 'Reconciliation', View: lazy(() => import('./reconciliation-view')) },
  { path: 'ledger', title: 'Ledger', View: lazy(() => import('./ledger-view')) },
  { path: 'clients', title: 'Clients', View: lazy(() => import('./clients-view')) },
  { path: 'write-keys', title: 'Write keys', View: lazy(() => import('./write-keys-view')) },
  { path: 'users', title: 'Users', View: lazy(() => import('./users-view')) },
  { path: 'erasures', title: 'Erasures', View: lazy(() => import('./erasures-view')) },
];

/** What an administrator looks after: a view for each, under an address of its own. */
export default function OperationsPage() {
  return (
    <div className="stack">
      <h1>Operations</h1>
      <ViewLinks />
      <Suspense fallback={<Loading what="the view" />}>
        <Routes>
          <Route index element={<Navigate to="/operations/health" replace />} />
          {VIEWS.map(({ path, View }) => (
            <Route key={path} path={path} element={<View />} />
          ))}
          <Route path="*" element={<NotFound />} />
        </Routes>
      </Suspense>
    </div>
  );
}

function ViewLinks() {
  const { pathname } = useLocation();
  const nav = useRef<HTMLElement>(null);
  // On a phone the links scroll sideways.
  useEffect(() => {
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [pathname]);
  return (
    <nav ref={nav} className="operations-nav" aria-label="Operations">
      {VIEWS.map(({ path, title }) => (
        <NavLink key={path} to={`/operations/${path}`}>
          {title}
        </NavLink>
      ))}
    </nav>
  );
}
