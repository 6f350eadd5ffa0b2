import { Suspense } from 'react';
import { NavLink, Outlet } from 'react-router';
import { useHasScope } from '../auth/use-session';
import icon from '../icon.svg';
import { Loading } from '../ui/states';
import { useTheme } from '../ui/use-theme';
import { SignOut } from './sign-out';
import './shell.css';

/** The frame of every page: where to go, the theme, and the way out. */
export function Shell() {
  const isAdmin = useHasScope('admin');
  const [theme, toggleTheme] = useTheme();
  return (
    <div className="shell">
      <a className="skip-link" href="#main">
        Skip to the content
      </a>
      <header className="shell-side">
        <div className="shell-brand">
          <img src={icon} alt="" width="28" height="28" /> CloudPulse
        </div>
        <nav className="shell-nav" aria-label="Pages">
          <NavLink to="/live">Live</NavLink>
          <NavLink to="/explore">Explore</NavLink>
          <NavLink to="/sql">SQL</NavLink>
          {isAdmin && <NavLink to="/operations">Operations</NavLink>}
        </nav>
        <div className="shell-tools">
          <button type="button" className="button" onClick={toggleTheme}>
            {theme === 'dark' ? 'Light' : 'Dark'}
          </button>
          <SignOut />
        </div>
      </header>
      <main className="shell-main" id="main">
        <Suspense fallback={<Loading what="the page" />}>
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}
