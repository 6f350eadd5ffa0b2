import { Session } from '../auth/session';
import { fakeServer, problem } from '../test/fake-server';
import { CONFIG, signedIn } from '../test/render-page';
import { ApiError, createApi, take } from './client';

test('a request carries the token', async () => {
  const server = fakeServer({ 'GET /v1/realtime': { total_events: 3 } });
  const api = createApi(await signedIn());
  expect(await take(api.GET('/v1/realtime'))).toEqual({ total_events: 3 });
  expect(server.requests[0]?.headers.get('Authorization')).toBe('Bearer token');
});

test('a token that has ended is replaced, and the request sent once more', async () => {
  let renewed = 0;
  const renew = async () => ({ accessToken: `token ${renewed++}`, endsAt: Date.now() + 3_600_000, scopes: [] });
  const session = new Session(CONFIG, { renew, end: async () => {} }, null);
  await session.renew();
  fakeServer({
    'GET /v1/realtime': (request) =>
      request.headers.get('Authorization') === 'Bearer token 1'
        ? {}
        : problem(401, 'unauthorized', 'The token has ended.'),
  });
  await expect(take(createApi(session).GET('/v1/realtime'))).resolves.toEqual({});
});

test('what the server refuses is an error with its code and its words', async () => {
  fakeServer({ 'GET /v1/realtime': problem(403, 'forbidden', 'It needs events:read.') });
  const refused = await take(createApi(await signedIn()).GET('/v1/realtime')).catch((error) => error);
  expect(refused).toBeInstanceOf(ApiError);
  expect(refused).toMatchObject({ status: 403, code: 'forbidden', message: 'It needs events:read.' });
});

test('an error says which fields are wrong', async () => {
  const errors = [{ field: 'lookback_minutes', message: 'Expected `int` >= 1' }];
  fakeServer({ 'GET /v1/realtime': problem(400, 'invalid_parameter', 'Wrong.', errors) });
  await expect(take(createApi(await signedIn()).GET('/v1/realtime'))).rejects.toMatchObject({ errors });
});

test('an answer that is no problem document has words too', async () => {
  fakeServer({ 'GET /v1/realtime': () => new Response('<html>', { status: 502 }) });
  await expect(take(createApi(await signedIn()).GET('/v1/realtime'))).rejects.toThrow('The server answered 502.');
});

test('a server that cannot be reached is status 0', async () => {
  fakeServer({
    'GET /v1/realtime': () => {
      throw new TypeError('Failed to fetch');
    },
  });
  await expect(take(createApi(await signedIn()).GET('/v1/realtime'))).rejects.toMatchObject({ status: 0 });
});
