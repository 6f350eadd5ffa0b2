/** Who is signed in. The access token is kept in memory alone; what outlives the page is an HttpOnly cookie. */

import type { components } from '../api/schema';
import { subjectOf } from './claims';
import type { Oidc } from './oidc';

export type PublicConfig = components['schemas']['PublicConfig'];
type Token = components['schemas']['Token'];

/** A token that ends within this time is renewed before it is used. */
const RENEW_BEFORE_MS = 60_000;

export class SignInError extends Error {}

/** How tokens are had: from this server by password and cookie, or from another issuer. */
export interface TokenSource {
  /** A new token without asking anybody; null when somebody has to sign in. */
  renew(): Promise<Grant | null>;
  /** End this sign-in, or `everywhere` all of the person. Throws `SignInError` when it goes on. */
  end(everywhere: boolean): Promise<void>;
  /** Another tab has ended the sign-in. */
  forget?(): void;
  /** Go to where the sign-in ends besides; returns only when there is no such place. */
  leave?(): Promise<void>;
}

export interface Grant {
  accessToken: string;
  endsAt: number;
  scopes: readonly string[];
}

export interface SessionState {
  scopes: readonly string[] | null;
}

export class Session {
  #grant: Grant | null = null;
  #renewing: Promise<Grant | null> | null = null;
  #source: TokenSource;
  #listeners = new Set<() => void>();
  #state: SessionState = { scopes: null };
  #channel = new BroadcastChannel('cloudpulse-session');

  constructor(
    readonly config: PublicConfig,
    source: TokenSource,
    readonly oidc: Oidc | null,
  ) {
    this.#source = source;
    this.#channel.onmessage = () => {
      this.#source.forget?.();
      this.#set(null);
    };
  }

  /** For `useSyncExternalStore`. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  state = (): SessionState => this.#state;

  /** The id of who is signed in; null when nobody is, or when the token does not tell. */
  userId(): string | null {
    return this.#grant && subjectOf(this.#grant.accessToken);
  }

  /** A token that is valid for a while; null when nobody is signed in. `fresh` asks for another than the last one. */
  async accessToken(fresh = false): Promise<string | null> {
    if (!this.#grant) return null;
    if (!fresh && this.#grant.endsAt - Date.now() > RENEW_BEFORE_MS) return this.#grant.accessToken;
    return (await this.renew())?.accessToken ?? null;
  }

  /** Have the source renew the token; callers that come meanwhile share one attempt. */
  renew(): Promise<Grant | null> {
    this.#renewing ??= this.#source
      .renew()
      .then((grant) => this.#set(grant))
      .finally(() => {
        this.#renewing = null;
      });
    return this.#renewing;
  }

  async signIn(email: string, password: string): Promise<void> {
    this.#set(await localGrant('login', { email, password }));
  }

  /** End the sign-in here and in all tabs of this browser, or `everywhere` on all devices. Throws `SignInError`. */
  async signOut(everywhere = false): Promise<void> {
    await this.#source.end(everywhere);
    this.#channel.postMessage('signed out');
    await this.#source.leave?.();
    this.#set(null);
  }

  #set(grant: Grant | null): Grant | null {
    this.#grant = grant;
    this.#state = { scopes: grant?.scopes ?? null };
    for (const listener of this.#listeners) listener();
    return grant;
  }
}

/** Ask the server how people sign in, and whether somebody still is. */
export async function startSession(): Promise<Session> {
  const config: PublicConfig = await (await fetch('/v1/config')).json();
  const oidc = config.oidc_client_id ? await (await import('./oidc')).startOidc(config) : null;
  const session = new Session(config, oidc?.source ?? localSource, oidc);
  await session.renew();
  return session;
}

/** A grant of this server; null when the cookie is missing or has ended. Throws `SignInError`. */
async function localGrant(path: 'login' | 'refresh', body?: object): Promise<Grant | null> {
  const answer = await post(path, body);
  if (answer.status === 401 && path === 'refresh') return null;
  if (!answer.ok) throw await refusal(answer);
  const token: Token = await answer.json();
  return {
    accessToken: token.access_token,
    endsAt: Date.now() + token.expires_in * 1000,
    scopes: token.scope ? token.scope.split(' ') : [],
  };
}

const localSource: TokenSource = {
  renew: () => localGrant('refresh'),
  end: async (everywhere) => {
    const answer = await post('logout', { everywhere });
    if (!answer.ok) throw await refusal(answer);
  },
};

function post(path: string, body?: object): Promise<Response> {
  return fetch(`/v1/auth/${path}`, {
    method: 'POST',
    headers: body ? { 'Content-Type': 'application/json' } : {},
    body: body ? JSON.stringify(body) : null,
  }).catch(() => {
    throw new SignInError('The server cannot be reached. Try again.');
  });
}

async function refusal(answer: Response): Promise<SignInError> {
  const { detail } = await answer.json().catch(() => ({}));
  return new SignInError(detail ?? `The server answered ${answer.status}. Try again.`);
}
