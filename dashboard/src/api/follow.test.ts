import { fakeServer, fakeStream, problem } from '../test/fake-server';
import { signedIn } from '../test/render-page';
import { settle } from '../test/settle';
import { type Following, follow, SILENT_MS } from './follow';

const ROUTE = 'GET /v1/events/stream';

/** Follow a stream; what it said and how it went, until the test ends. */
async function followed(answers: Parameters<typeof fakeServer>[0], more: Partial<Following> = {}) {
  const server = fakeServer(answers);
  const said: (string | null)[] = [];
  const states: string[] = [];
  const stop = new AbortController();
  const ended = follow(
    await signedIn(),
    {
      url: '/v1/events/stream',
      onMessage: (message) => said.push(message.data),
      onState: (state) => states.push(state),
      ...more,
    },
    stop.signal,
  );
  onTestFinished(async () => {
    stop.abort();
    await ended;
  });
  return { server, said, states, stop, ended };
}

beforeEach(() => {
  vi.useFakeTimers();
});

test('messages come through, and signs of life too', async () => {
  const stream = fakeStream();
  const { said, states } = await followed({ [ROUTE]: stream.answer });
  await settle();
  stream.push('data: 1\n\n: still here\n\n');
  await settle();
  expect(said).toEqual(['1', null]);
  expect(new Set(states)).toEqual(new Set(['open']));
});

test('a stream that ends is opened again behind its last message', async () => {
  const stream = fakeStream();
  const { server, states } = await followed({ [ROUTE]: stream.answer });
  await settle();
  stream.push('id: 7\ndata: 1\n\n: cloudpulse\nid: 9\n\n');
  await settle();
  stream.end();
  await settle(500);
  expect(server.requests.map((request) => request.headers.get('Last-Event-ID'))).toEqual([null, '9']);
  expect(states).not.toContain('failed');
});

test('a server that is away is tried again, each time after a longer pause', async () => {
  const { server, states } = await followed({ [ROUTE]: problem(503, 'overloaded', 'Too many.') });
  await settle(7_500);
  expect(server.requests).toHaveLength(4); // at 0, 1, 3 and 7 seconds
  expect(new Set(states)).toEqual(new Set(['failed']));
});

test.each([401, 403, 404, 501])('what is refused with %i is not tried again', async (status) => {
  const { server, states, ended } = await followed({ [ROUTE]: problem(status, 'no', 'No.') });
  await settle();
  await ended;
  expect(states).toEqual(['failed']);
  const asked = server.requests.length;
  await settle(60_000);
  expect(server.requests).toHaveLength(asked);
});

test('an id that the server does not know is forgotten', async () => {
  const stream = fakeStream();
  const answer = (request: Request) =>
    request.headers.has('Last-Event-ID') ? problem(400, 'invalid_parameter', 'Unknown.') : stream.answer(request);
  const { said } = await followed({ [ROUTE]: answer }, { lastEventId: 'old' });
  await settle(1_000);
  stream.push('data: 1\n\n');
  await settle();
  expect(said).toEqual(['1']);
});

test('a connection that has fallen silent is given up for another one', async () => {
  const streams = [fakeStream(), fakeStream()];
  let next = 0;
  const { server, said } = await followed({ [ROUTE]: (request) => streams[next++]?.answer(request) ?? {} });
  await settle();
  streams[0]?.push('data: 1\n\n');
  await settle(SILENT_MS - 1);
  expect(server.requests).toHaveLength(1);
  await settle(501);
  streams[1]?.push('data: 2\n\n');
  await settle();
  expect(said).toEqual(['1', '2']);
});

test('whoever stops gets nothing more', async () => {
  const stream = fakeStream();
  const { server, states, stop, ended } = await followed({ [ROUTE]: stream.answer });
  await settle();
  stop.abort();
  await ended;
  await settle(60_000);
  expect(states).toEqual([]);
  expect(server.requests).toHaveLength(1);
});
