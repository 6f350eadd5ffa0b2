/** What stands in the place of data: it is on its way, there is none, it could not be had, it may not be seen. */

import type { ReactNode } from 'react';
import { ApiError } from '../api/client';

export function Loading({ what }: { what: string }) {
  return (
    <div className="state" role="status">
      Loading {what} …
    </div>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <div className="state">{children}</div>;
}

export function Failed({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  if (error instanceof ApiError && error.status === 403) return <Forbidden />;
  return (
    <div className="state state-failed" role="alert">
      <span>{error.message}</span>
      {onRetry && (
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Something that was asked for has failed, beside what else is shown. */
export function Alert({ children }: { children: ReactNode }) {
  return (
    <p className="alert" role="alert">
      {children}
    </p>
  );
}

export function Forbidden() {
  return (
    <div className="state" role="alert">
      You may not see this. An administrator can put you into the group that may.
    </div>
  );
}
