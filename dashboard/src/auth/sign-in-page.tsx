import { type FormEvent, useState } from 'react';
import icon from '../icon.svg';
import { Alert } from '../ui/states';
import { useTheme } from '../ui/use-theme';
import type { Oidc } from './oidc';
import { useSession } from './use-session';
import './sign-in-page.css';

/** Sign-in by e-mail and password, or at the issuer that the server names. */
export function SignInPage() {
  useTheme();
  const { config, oidc } = useSession();
  return (
    <main className="sign-in">
      <div className="card stack sign-in-card">
        <div className="row">
          <img src={icon} alt="" width="36" height="36" />
          <h1>Sign in to CloudPulse</h1>
        </div>
        {oidc ? <IssuerButton oidc={oidc} name={new URL(config.oidc_issuer ?? '').hostname} /> : <PasswordForm />}
      </div>
    </main>
  );
}

function IssuerButton({ oidc, name }: { oidc: Oidc; name: string }) {
  const [error, setError] = useState(oidc.refusal);
  return (
    <>
      {error && <Alert>{error}</Alert>}
      <button
        type="button"
        className="button button-primary"
        onClick={() => void oidc.signIn().catch(() => setError(`${name} cannot be reached. Try again.`))}
      >
        Sign in with {name}
      </button>
    </>
  );
}

function PasswordForm() {
  const session = useSession();
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setIsBusy(true);
    setError(null);
    try {
      await session.signIn(String(form.get('email')), String(form.get('password')));
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
      setIsBusy(false);
    }
  }

  return (
    <form className="stack" onSubmit={(event) => void submit(event)}>
      <label className="field">
        <span>E-mail</span>
        <input name="email" type="email" autoComplete="username" required />
      </label>
      <label className="field">
        <span>Password</span>
        <input name="password" type="password" autoComplete="current-password" required />
      </label>
      {error && <Alert>{error}</Alert>}
      <button type="submit" className="button button-primary" disabled={isBusy}>
        {isBusy ? 'Signing in …' : 'Sign in'}
      </button>
    </form>
  );
}
