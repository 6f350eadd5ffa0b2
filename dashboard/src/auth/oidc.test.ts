import { fakeServer } from '../test/fake-server';
import { CONFIG } from '../test/render-page';
import { startOidc } from './oidc';
import { startSession } from './session';

const ISSUER = 'https://issuer.example.org';
const OIDC_CONFIG = { ...CONFIG, oidc_issuer: ISSUER, oidc_client_id: 'dashboard' };

function accessToken(claims: object): string {
  return `head.${btoa(JSON.stringify(claims)).replaceAll('+', '-').replaceAll('/', '_')}.signature`;
}

function user(claims: object) {
  return { access_token: accessToken(claims), expires_at: 2_000_000_000 };
}

afterEach(() => {
  history.replaceState(null, '', '/');
});

test('the user manager is that of the issuer, with PKCE and without a store that stays', async () => {
  const { manager } = await startOidc(OIDC_CONFIG);
  expect(manager.settings).toMatchObject({ authority: ISSUER, client_id: 'dashboard', response_type: 'code' });
  expect(manager.settings.redirect_uri).toBe(`${location.origin}/callback`);
  expect(manager.settings.disablePKCE).toBe(false);
});

test('whoever is signed in at the issuer is signed in here, with the scopes of token and groups', async () => {
  const { manager, source } = await startOidc(OIDC_CONFIG);
  vi.spyOn(manager, 'signinSilent').mockResolvedValue(
    user({ scope: 'openid events:read', 'cognito:groups': ['admin'] }) as never,
  );
  expect(await source.renew()).toEqual({
    accessToken: expect.stringMatching(/^head\./),
    endsAt: 2_000_000_000_000,
    scopes: ['openid', 'events:read', 'admin'],
  });
});

test('whoever is not has to sign in', async () => {
  const { manager, source } = await startOidc(OIDC_CONFIG);
  vi.spyOn(manager, 'signinSilent').mockRejectedValue(new Error('login_required'));
  expect(await source.renew()).toBeNull();
});

test('signing out goes to the issuer', async () => {
  const { manager, source } = await startOidc(OIDC_CONFIG);
  const out = vi.spyOn(manager, 'signoutRedirect').mockResolvedValue();
  await source.end();
  expect(out).toHaveBeenCalled();
});

test('on the way back from the issuer the sign-in is finished, and the page is the one that was left', async () => {
  history.replaceState(null, '', '/callback?code=1&state=2');
  const { UserManager } = await import('oidc-client-ts');
  vi.spyOn(UserManager.prototype, 'signinCallback').mockResolvedValue({
    ...user({ scope: 'events:read' }),
    state: '/explore?by=page',
  } as never);
  const { source } = await startOidc(OIDC_CONFIG);
  expect(location.pathname + location.search).toBe('/explore?by=page');
  expect((await source.renew())?.scopes).toEqual(['events:read']);
});

test('a server that names an issuer has people sign in there', async () => {
  fakeServer({ 'GET /v1/config': OIDC_CONFIG });
  const { UserManager } = await import('oidc-client-ts');
  vi.spyOn(UserManager.prototype, 'signinSilent').mockRejectedValue(new Error('login_required'));
  const session = await startSession();
  expect(session.oidc).not.toBeNull();
  expect(session.state().scopes).toBeNull();
});
