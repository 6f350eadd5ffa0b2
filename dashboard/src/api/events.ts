/** Server-sent events over fetch, for `EventSource` cannot send a token. */

import type { Session } from '../auth/session';
import { authorized, problem } from './client';
import { MessageReader, type ServerMessage } from './sse';

/** The messages of one connection; ends when the server ends it. Throws `ApiError`. */
export async function* serverSentEvents(
  session: Session,
  url: string,
  lastEventId: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<ServerMessage> {
  const headers: HeadersInit = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
  const answer = await authorized(session, new Request(new URL(url, location.origin), { headers, signal }));
  if (!answer.ok || !answer.body) throw problem(answer.status, await answer.json().catch(() => null));
  const reader = new MessageReader();
  // Not `for await`: Safari cannot iterate over a stream.
  const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await pieces.read(); !piece.done; piece = await pieces.read()) yield* reader.read(piece.value);
}
