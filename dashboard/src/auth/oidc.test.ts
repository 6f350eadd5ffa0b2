import { ErrorResponse, UserManager } from 'oidc-client-ts';
import { fakeServer } from '../test/fake-server';
import { CONFIG } from '../test/render-page';
import { startOidc, userManager } from './oidc';
import { startSession } from './session';

const ISSUER = 'https://issuer.example.org';
const OIDC_CONFIG = { ...CONFIG, oidc_issuer: ISSUER, oidc_client_id: 'dashboard' };

function accessToken(claims: object): string {
  return `head.${btoa(JSON.stringify(claims)).replaceAll('+', '-').replaceAll('/', '_')}.signature`;
}

function user(claims: object, more: object = {}) {
  return { access_token: accessToken(claims), expires_at: 2_000_000_000, ...more } as never;
}

/** Somebody on the way back from the issuer, which has said this. */
function onTheWayBack(answer: object) {
  history.replaceState(null, '', '/callback?code=1&state=2');
  const callback = vi.spyOn(UserManager.prototype, 'signinCallback');
  return answer instanceof Error ? callback.mockRejectedValue(answer) : callback.mockResolvedValue(answer as never);
}

beforeEach(() => {
  vi.spyOn(UserManager.prototype, 'signinRedirect').mockResolvedValue();
});

afterEach(() => {
  history.replaceState(null, '', '/');
});

test('the user manager is that of the issuer, with PKCE and without a store that stays', async () => {
  const { settings } = userManager(OIDC_CONFIG);
  expect(settings).toMatchObject({ authority: ISSUER, client_id: 'dashboard', response_type: 'code' });
  expect(settings.redirect_uri).toBe(`${location.origin}/callback`);
  expect(settings.disablePKCE).toBe(false);
});

test('the issuer is asked first whether somebody is signed in there', async () => {
  history.replaceState(null, '', '/explore?by=page');
  const { source, refusal } = await startOidc(OIDC_CONFIG);
  expect(UserManager.prototype.signinRedirect).toHaveBeenCalledWith({
    prompt: 'none',
    state: '/explore?by=page',
    redirectMethod: 'replace',
  });
  expect(refusal).toBeNull();
  expect(await source.renew()).toBeNull();
});

test('an issuer that cannot be reached is said', async () => {
  vi.mocked(UserManager.prototype.signinRedirect).mockRejectedValue(new TypeError('Failed to fetch'));
  expect((await startOidc(OIDC_CONFIG)).refusal).toBe('The issuer cannot be reached.');
});

test('on the way back the sign-in is finished, with scopes of token and groups, at the page that was left', async () => {
  onTheWayBack(user({ scope: 'openid events:read', 'cognito:groups': ['admin'] }, { state: '/explore?by=page' }));
  const { source } = await startOidc(OIDC_CONFIG);
  expect(location.pathname + location.search).toBe('/explore?by=page');
  expect(UserManager.prototype.signinRedirect).not.toHaveBeenCalled();
  expect(await source.renew()).toEqual({
    accessToken: expect.stringMatching(/^head\./),
    endsAt: 2_000_000_000_000,
    scopes: ['openid', 'events:read', 'admin'],
  });
});

test.each([
  ['login_required', null],
  ['access_denied', 'Signing in failed: access_denied'],
])('whom the issuer does not sign in (%s) is back at the page, and asks it no more', async (error, refusal) => {
  onTheWayBack(new ErrorResponse({ error, userState: '/sql' }));
  const oidc = await startOidc(OIDC_CONFIG);
  expect(location.pathname).toBe('/sql');
  expect(oidc.refusal).toBe(refusal);
  expect(await oidc.source.renew()).toBeNull();
  expect(UserManager.prototype.signinRedirect).not.toHaveBeenCalled();
});

test('a way back that nobody has gone leads to the live page', async () => {
  onTheWayBack(new Error('No matching state found in storage'));
  expect((await startOidc(OIDC_CONFIG)).refusal).toContain('No matching state');
  expect(location.pathname).toBe('/live');
});

test('whoever wants to sign in leaves for the issuer, and comes back to the page', async () => {
  onTheWayBack(new ErrorResponse({ error: 'login_required', userState: '/explore?by=page' }));
  await (await startOidc(OIDC_CONFIG)).signIn();
  expect(UserManager.prototype.signinRedirect).toHaveBeenCalledWith({ state: '/explore?by=page' });
});

describe('a token that ends', () => {
  const silently = () => vi.spyOn(UserManager.prototype, 'signinSilent');

  async function signedIn(more: object) {
    onTheWayBack(user({ scope: 'events:read' }, more));
    vi.spyOn(UserManager.prototype, 'getUser').mockResolvedValue(user({}, more));
    const { source } = await startOidc(OIDC_CONFIG);
    await source.renew();
    return source;
  }

  test('is renewed by the refresh token', async () => {
    const source = await signedIn({ refresh_token: 'r' });
    silently().mockResolvedValue(user({ scope: 'admin' }));
    expect((await source.renew())?.scopes).toEqual(['admin']);
  });

  test('is used up without a refresh token, and no frame is opened for another', async () => {
    const renewing = silently();
    expect(await (await signedIn({ expired: false })).renew()).toMatchObject({ endsAt: 2_000_000_000_000 });
    expect(await (await signedIn({ expired: true })).renew()).toBeNull();
    expect(renewing).not.toHaveBeenCalled();
  });

  test('ends the sign-in when the issuer says so, and not when it is away', async () => {
    const source = await signedIn({ refresh_token: 'r' });
    silently().mockRejectedValueOnce(new TypeError('Failed to fetch'));
    await expect(source.renew()).rejects.toThrow('Failed to fetch');
    silently().mockRejectedValueOnce(new ErrorResponse({ error: 'invalid_grant' }));
    expect(await source.renew()).toBeNull();
  });
});

test('signing out goes to the issuer, in the words of the standard and of Cognito', async () => {
  const out = vi
    .spyOn(UserManager.prototype, 'signoutRedirect')
    .mockRejectedValue(new Error('No end session endpoint'));
  await (await startOidc(OIDC_CONFIG)).source.leave?.();
  expect(out).toHaveBeenCalledWith({
    extraQueryParams: { client_id: 'dashboard', logout_uri: location.origin },
  });
});

test('who has signed out, here or in another tab, is not signed in by the next load', async () => {
  const asked = vi.mocked(UserManager.prototype.signinRedirect);
  const { source } = await startOidc(OIDC_CONFIG);
  for (const signOut of [() => source.end(false), () => source.forget?.()]) {
    await signOut();
    asked.mockClear();
    expect((await startOidc(OIDC_CONFIG)).refusal).toBeNull();
    expect(asked).not.toHaveBeenCalled();
    await startOidc(OIDC_CONFIG);
    expect(asked).toHaveBeenCalledOnce();
  }
});

test('a server that names an issuer has people sign in there', async () => {
  fakeServer({ 'GET /v1/config': OIDC_CONFIG });
  const session = await startSession();
  expect(session.oidc).not.toBeNull();
  expect(session.state().scopes).toBeNull();
});
