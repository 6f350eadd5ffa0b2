/** Sign-in at another issuer: OIDC authorization code with PKCE. Tokens stay in memory. */

import { InMemoryWebStorage, type User, UserManager, WebStorageStateStore } from 'oidc-client-ts';
import type { Grant, PublicConfig, TokenSource } from './session';

export const CALLBACK_PATH = '/callback';

export interface Oidc {
  manager: UserManager;
  source: TokenSource;
}

/** The user manager of the configured issuer; finishes a sign-in when the page is its callback. */
export async function startOidc(config: PublicConfig): Promise<Oidc> {
  const manager = new UserManager({
    authority: config.oidc_issuer ?? '',
    client_id: config.oidc_client_id ?? '',
    redirect_uri: new URL(CALLBACK_PATH, location.origin).href,
    post_logout_redirect_uri: location.origin,
    scope: 'openid email',
    userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    // State and verifier of a sign-in under way must survive the way to the issuer and back; they end with the tab.
    stateStore: new WebStorageStateStore({ store: sessionStorage }),
    automaticSilentRenew: false,
  });
  let user: User | null = null;
  if (location.pathname === CALLBACK_PATH) {
    user = await manager.signinCallback().then((found) => found ?? null);
    history.replaceState(null, '', (user?.state as string | undefined) ?? '/live');
  }
  return { manager, source: source(manager, user) };
}

function source(manager: UserManager, first: User | null): TokenSource {
  let fresh = first;
  return {
    renew: async () => {
      const user = fresh ?? (await manager.signinSilent().catch(() => null));
      fresh = null;
      return user ? grant(user) : null;
    },
    end: () => manager.signoutRedirect(),
  };
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
  const claims = JSON.parse(atob(user.access_token.split('.')[1]?.replace(/-/g, '+').replace(/_/g, '/') ?? '')) as {
    scope?: string;
    'cognito:groups'?: string[];
  };
  return [...(claims.scope ?? '').split(' '), ...(claims['cognito:groups'] ?? [])];
}
