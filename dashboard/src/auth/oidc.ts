/** Sign-in at another issuer: OIDC authorization code with PKCE. Tokens stay in memory, and no frame is needed. */

import { ErrorResponse, InMemoryWebStorage, type User, UserManager, WebStorageStateStore } from 'oidc-client-ts';
import { claimsOf } from './claims';
import type { Grant, PublicConfig, TokenSource } from './session';

const CALLBACK_PATH = '/callback';
const REQUEST_SECONDS = 10;
/** In the session storage of a tab while its next load must not sign in anybody by itself. */
const SIGNED_OUT = 'cloudpulse-signed-out';

/** What an issuer says to `prompt=none` when it has to ask the person something. */
const TO_BE_ASKED = ['login_required', 'interaction_required', 'consent_required', 'account_selection_required'];

export interface Oidc {
  source: TokenSource;
  /** Leave for the issuer, and come back to this page. */
  signIn(): Promise<void>;
  /** Why the issuer has signed nobody in, where that is worth saying. */
  refusal: string | null;
}

interface Outcome {
  user: User | null;
  refusal: string | null;
}

/**
 * Finish the sign-in that this page is the callback of, or ask the issuer whether the person is signed in there: it
 * answers by another load of this page.
 */
export async function startOidc(config: PublicConfig): Promise<Oidc> {
  const manager = userManager(config);
  const isBack = location.pathname === CALLBACK_PATH;
  const { user, refusal } = isBack ? await finished(manager) : await askedSilently(manager);
  return { source: source(manager, user), signIn: () => manager.signinRedirect({ state: whereWeAre() }), refusal };
}

export function userManager(config: PublicConfig): UserManager {
  return new UserManager({
    authority: config.oidc_issuer ?? '',
    client_id: config.oidc_client_id ?? '',
    redirect_uri: new URL(CALLBACK_PATH, location.origin).href,
    post_logout_redirect_uri: location.origin,
    scope: 'openid email',
    userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    // State and verifier of a sign-in under way must survive the way to the issuer and back; they end with the tab.
    stateStore: new WebStorageStateStore({ store: sessionStorage }),
    automaticSilentRenew: false,
    requestTimeoutInSeconds: REQUEST_SECONDS,
  });
}

function whereWeAre(): string {
  return location.pathname + location.search;
}

async function finished(manager: UserManager): Promise<Outcome> {
  try {
    const user = (await manager.signinCallback()) ?? null;
    return backTo(user?.state, { user, refusal: null });
  } catch (error) {
    const isQuiet = error instanceof ErrorResponse && TO_BE_ASKED.includes(error.error ?? '');
    const left = error instanceof ErrorResponse ? error.state : null;
    return backTo(left, { user: null, refusal: isQuiet ? null : `Signing in failed: ${(error as Error).message}` });
  }
}

/** Be at the page again from which the person has left for the issuer. */
function backTo(left: unknown, outcome: Outcome): Outcome {
  history.replaceState(null, '', typeof left === 'string' ? left : '/live');
  return outcome;
}

/** A redirect and no hidden frame: browsers keep the issuer's cookies from those, and issuers refuse to be framed. */
async function askedSilently(manager: UserManager): Promise<Outcome> {
  if (sessionStorage.getItem(SIGNED_OUT)) {
    sessionStorage.removeItem(SIGNED_OUT);
    return { user: null, refusal: null };
  }
  return manager
    .signinRedirect({ prompt: 'none', state: whereWeAre(), redirectMethod: 'replace' })
    .then(() => ({ user: null, refusal: null }))
    .catch(() => ({ user: null, refusal: 'The issuer cannot be reached.' }));
}

function source(manager: UserManager, first: User | null): TokenSource {
  let fresh = first;
  return {
    renew: async () => {
      const user = fresh ?? (await refreshed(manager));
      fresh = null;
      return user ? grant(user) : null;
    },
    end: async () => forget(),
    forget,
    leave: async () => {
      const { client_id, post_logout_redirect_uri: logout_uri } = manager.settings;
      // The names are those of Cognito, which does not know the standard's. There are issuers that nobody can leave.
      await manager.signoutRedirect({ extraQueryParams: { client_id, logout_uri: logout_uri ?? '' } }).catch(() => {});
    },
  };
}

function forget(): void {
  sessionStorage.setItem(SIGNED_OUT, 'true');
}

/**
 * A new token by the refresh token; without one, the old token until it ends. Null when the sign-in has ended here: the
 * next load of the page asks the issuer.
 */
async function refreshed(manager: UserManager): Promise<User | null> {
  const user = await manager.getUser();
  if (!user?.refresh_token) return user?.expired === false ? user : null;
  return manager.signinSilent().catch((error: unknown) => {
    if (error instanceof ErrorResponse) return null;
    throw error;
  });
}

function grant(user: User): Grant {
  return {
    accessToken: user.access_token,
    endsAt: (user.expires_at ?? 0) * 1000,
    scopes: scopesOf(user),
  };
}

/** Scopes as the server reads them: from `scope`, or from Cognito's groups. */
function scopesOf(user: User): string[] {
  const claims: { scope?: string; 'cognito:groups'?: string[] } = claimsOf(user.access_token);
  return [...(claims.scope ?? '').split(' '), ...(claims['cognito:groups'] ?? [])];
}
