/** A server for tests: answers of routes instead of the network, and what was asked. */

import { vi } from 'vitest';

type Answer = Response | object | ((request: Request) => Response | object | Promise<Response | object>);

export interface FakeServer {
  /** All requests so far. */
  requests: Request[];
  /** Add or replace answers. */
  answers: Record<string, Answer>;
  /** The search parameters of the last request of a route. */
  query: (route: string) => Record<string, string>;
}

/** Answers by route, as `{'GET /v1/query': {…}}`; other routes answer 404. */
export function fakeServer(answers: Record<string, Answer>): FakeServer {
  const server: FakeServer = {
    requests: [],
    answers,
    query: (route) => {
      const request = server.requests.findLast((one) => routeOf(one) === route);
      return Object.fromEntries(new URL(request?.url ?? 'http://never.asked').searchParams);
    },
  };
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input instanceof Request ? input : new URL(input, location.origin), init);
    server.requests.push(request.clone());
    const answer = server.answers[routeOf(request)] ?? problem(404, 'not_found', 'There is no such route.');
    const content = typeof answer === 'function' ? await answer(request) : answer;
    return content instanceof Response ? content.clone() : Response.json(content);
  });
  return server;
}

/** Problem details, as the server answers what it refuses. */
export function problem(status: number, code: string, detail: string, errors: object[] = []): Response {
  return Response.json({ type: 'about:blank', title: code, status, detail, code, errors }, { status });
}

/** An answer that stays open: server-sent events, pushed one after the other. */
export function fakeStream(): {
  answer: (request: Request) => Response;
  push: (text: string) => void;
  end: () => void;
} {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const encoder = new TextEncoder();
  return {
    answer: (request) => {
      const body = new ReadableStream<Uint8Array>({
        start: (started) => {
          controller = started;
          request.signal.addEventListener('abort', () => started.error(request.signal.reason));
        },
      });
      return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
    },
    push: (text) => controller?.enqueue(encoder.encode(text)),
    end: () => controller?.close(),
  };
}

function routeOf(request: Request): string {
  return `${request.method} ${new URL(request.url).pathname}`;
}
