import { useState } from 'react';
import { useSession } from '../auth/use-session';

/** The way out: here, or on all devices. Who is not signed out is told so. */
export function SignOut() {
  const session = useSession();
  const [error, setError] = useState<string | null>(null);
  const signOut = (everywhere: boolean) => {
    setError(null);
    session.signOut(everywhere).catch((failure: Error) => setError(failure.message));
  };
  return (
    <>
      <button type="button" className="button" onClick={() => signOut(false)}>
        Sign out
      </button>
      {!session.oidc && (
        <button type="button" className="button" onClick={() => signOut(true)}>
          Sign out everywhere
        </button>
      )}
      {error && (
        <p role="alert" className="shell-error">
          {error}
        </p>
      )}
    </>
  );
}
