/** The server that the specs look at, what was put into it, and its API to compare with. */

export interface Person {
  email: string;
  password: string;
}

interface World {
  url: string;
  /** A server whose people sign in at another issuer, which asks no questions. */
  elsewhereUrl: string;
  admin: Person;
  /** May read events, and no more. */
  reader: Person;
  client: { client_id: string; client_secret: string };
  /** A session of three events: page_view of /pricing, click, error. */
  session: string;
  /** Whose session it is. */
  user: string;
}

export const world: World = JSON.parse(process.env.E2E_WORLD ?? '{}');

/** What the API answers to a GET, or to a POST where there is a body, with a token that may do everything. */
// biome-ignore lint/suspicious/noExplicitAny: the answer of any route
export async function api(path: string, body?: object): Promise<any> {
  const token = await (await fetch(`${world.url}/v1/token`, json(world.client))).json();
  const authorization = { Authorization: `Bearer ${token.access_token}` };
  const request = body ? json(body, authorization) : { headers: authorization };
  const answer = await fetch(world.url + path, request);
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  return answer.status === 204 ? null : await answer.json();
}

/** Have an event accepted, as a client does. */
export async function sendEvent(event: object): Promise<void> {
  await api('/v1/events', { session_id: 'session-of-a-spec', source: 'web', ...event });
}

function json(body: object, headers: object = {}): RequestInit {
  return { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
}
