import { fakeServer, problem } from '../test/fake-server';
import { CONFIG, signedIn } from '../test/render-page';
import { Session, SignInError, startSession } from './session';

const TOKEN = { access_token: 'a', token_type: 'Bearer', expires_in: 1200, scope: 'events:read admin' };

test('somebody who has a cookie is signed in', async () => {
  fakeServer({ 'GET /v1/config': CONFIG, 'POST /v1/auth/refresh': TOKEN });
  const session = await startSession();
  expect(session.state().scopes).toEqual(['events:read', 'admin']);
  expect(await session.accessToken()).toBe('a');
});

test('somebody who has none can sign in', async () => {
  const server = fakeServer({
    'GET /v1/config': CONFIG,
    'POST /v1/auth/refresh': problem(401, 'unauthorized', 'Sign in.'),
    'POST /v1/auth/login': TOKEN,
  });
  const session = await startSession();
  expect(session.state().scopes).toBeNull();
  expect(await session.accessToken()).toBeNull();
  const seen = vi.fn();
  session.subscribe(seen);
  await session.signIn('ada@example.org', 'a long password');
  expect(await server.requests.at(-1)?.json()).toEqual({ email: 'ada@example.org', password: 'a long password' });
  expect(seen).toHaveBeenCalled();
  expect(session.state().scopes).toEqual(['events:read', 'admin']);
});

test('what is wrong with a password is said', async () => {
  fakeServer({ 'POST /v1/auth/login': problem(401, 'invalid_credentials', 'E-mail or password is wrong.') });
  const session = await signedIn();
  const failed = session.signIn('ada@example.org', 'wrong');
  await expect(failed).rejects.toThrow(SignInError);
  await expect(failed).rejects.toThrow('E-mail or password is wrong.');
});

test('a token is renewed before it ends, once for all who ask', async () => {
  let renewed = 0;
  const renew = async () => ({ accessToken: `token ${++renewed}`, endsAt: Date.now() + 30_000, scopes: [] });
  const session = new Session(CONFIG, { renew, end: async () => {} }, null);
  await session.renew();
  expect(await Promise.all([session.accessToken(), session.accessToken()])).toEqual(['token 2', 'token 2']);
});

test('a token may tell whose it is', async () => {
  const claims = btoa(JSON.stringify({ sub: 'a1?~ÿ' }))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
  expect((await signedIn([], `head.${claims}.signature`)).userId()).toBe('a1?~ÿ');
  expect((await signedIn([], 'opaque')).userId()).toBeNull();
});

test('signing out ends it here and in other tabs', async () => {
  const [here, there] = [await signedIn(), await signedIn()];
  await here.signOut();
  expect(here.state().scopes).toBeNull();
  expect(await here.accessToken()).toBeNull();
  await vi.waitFor(() => expect(there.state().scopes).toBeNull());
});

test('a sign-in that another place ends is told to other tabs before the page goes there', async () => {
  const there = await signedIn();
  const forget = vi.fn();
  const grant = { accessToken: 'a', endsAt: Date.now() + 3_600_000, scopes: [] };
  const leave = () => vi.waitFor(() => expect(there.state().scopes).toBeNull());
  const here = new Session(CONFIG, { renew: async () => grant, end: async () => {}, forget, leave }, null);
  await here.renew();
  await here.signOut();
  expect(here.state().scopes).toBeNull();
  expect(forget).not.toHaveBeenCalled();
  const another = new Session(CONFIG, { renew: async () => grant, end: async () => {} }, null);
  await another.signOut();
  await vi.waitFor(() => expect(forget).toHaveBeenCalled());
});

test('nothing of a token is in the storage of the browser', async () => {
  fakeServer({ 'GET /v1/config': CONFIG, 'POST /v1/auth/refresh': TOKEN });
  await startSession();
  expect({ ...localStorage, ...sessionStorage }).toEqual({});
});

test.each([false, true])('signing out tells the server, also whether everywhere (%s)', async (everywhere) => {
  const server = fakeServer({ 'GET /v1/config': CONFIG, 'POST /v1/auth/refresh': TOKEN, 'POST /v1/auth/logout': {} });
  await (await startSession()).signOut(everywhere);
  const last = server.requests.at(-1);
  expect(new URL(last?.url ?? '').pathname).toBe('/v1/auth/logout');
  expect(await last?.json()).toEqual({ everywhere });
});

test('somebody whom the server has not signed out stays signed in, and learns why', async () => {
  const server = fakeServer({
    'GET /v1/config': CONFIG,
    'POST /v1/auth/refresh': TOKEN,
    'POST /v1/auth/logout': problem(401, 'invalid_credentials', 'The sign-in has ended. Sign in again.'),
  });
  const session = await startSession();
  await expect(session.signOut(true)).rejects.toThrow('The sign-in has ended. Sign in again.');
  server.answers['POST /v1/auth/logout'] = () => Promise.reject(new TypeError('Failed to fetch'));
  await expect(session.signOut()).rejects.toThrow('The server cannot be reached. Try again.');
  server.answers['POST /v1/auth/logout'] = new Response('no JSON', { status: 502 });
  await expect(session.signOut()).rejects.toThrow('The server answered 502. Try again.');
  expect(session.state().scopes).toEqual(['events:read', 'admin']);
});
