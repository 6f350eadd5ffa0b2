/** The typed client: a bearer token on every request, problem details as errors. */

import createClient, { type Client } from 'openapi-fetch';
import type { Session } from '../auth/session';
import type { components, paths } from './schema';

type Problem = components['schemas']['Problem'];
type FieldError = components['schemas']['FieldError'];

/** What the server said when it refused, or that it could not be reached (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    /** What is wrong with which field, where the server tells. */
    readonly errors: readonly FieldError[] = [],
  ) {
    super(detail);
  }
}

export type Api = Client<paths>;

export function createApi(session: Session): Api {
  return createClient<paths>({ baseUrl: location.origin, fetch: (request) => authorized(session, request) });
}

/** Send a request with a token; once more with another one when the server refuses it. Throws `ApiError`. */
export async function authorized(session: Session, request: Request): Promise<Response> {
  const again = request.clone();
  const answer = await send(session, request, false);
  return answer.status === 401 ? await send(session, again, true) : answer;
}

async function send(session: Session, request: Request, fresh: boolean): Promise<Response> {
  const token = await session.accessToken(fresh);
  if (token) request.headers.set('Authorization', `Bearer ${token}`);
  try {
    return await fetch(request);
  } catch (cause) {
    if (request.signal.aborted) throw cause;
    throw new ApiError(0, 'unreachable', 'The server cannot be reached. It is tried again by itself.');
  }
}

/** The data of an answer of the typed client. Throws `ApiError`. */
export async function take<Data>(
  answering: Promise<{ data?: Data; error?: unknown; response: Response }>,
): Promise<Data> {
  const { data, error, response } = await answering;
  if (!response.ok) throw problem(response.status, error);
  return data as Data;
}

export function problem(status: number, content: unknown): ApiError {
  const { code = 'unknown', detail, errors } = (content ?? {}) as Partial<Problem>;
  return new ApiError(status, code, detail ?? `The server answered ${status}.`, errors);
}
