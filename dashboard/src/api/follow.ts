/** A stream of the server that is followed for long: it is opened again whenever it ends or falls silent. */

import type { Session } from '../auth/session';
import { ApiError } from './client';
import { serverSentEvents } from './events';
import type { ServerMessage } from './sse';

/** `failed`: it cannot be had now, though it is tried again unless the server refused it for good. */
export type StreamState = 'connecting' | 'open' | 'failed';

export interface Following {
  url: string;
  lastEventId?: string;
  /** Of each block, also of those without data. */
  onMessage: (message: ServerMessage) => void;
  onState: (state: StreamState) => void;
}

/** The server says something every 15 seconds; a connection that is silent for longer than this is dead. */
export const SILENT_MS = 40_000;
const AGAIN_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Follow until `signal` aborts, or until the server has refused for good. */
export async function follow(session: Session, following: Following, signal: AbortSignal): Promise<void> {
  let { lastEventId } = following;
  let failures = 0;
  while (!signal.aborted) {
    failures += 1;
    try {
      for await (const message of lively(session, following.url, lastEventId, signal)) {
        if (signal.aborted) return;
        failures = 0;
        lastEventId = message.id ?? lastEventId;
        following.onState('open');
        following.onMessage(message);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error, lastEventId)) return following.onState('failed');
      if (error instanceof ApiError && error.status === 400) lastEventId = undefined;
    }
    if (failures) following.onState('failed');
    await pause(Math.min(LONGEST_PAUSE_MS, AGAIN_MS * 2 ** failures), signal);
  }
}

/** The messages of one connection, which is given up when it falls silent. */
async function* lively(session: Session, url: string, lastEventId: string | undefined, signal: AbortSignal) {
  const silence = new AbortController();
  let watch = setTimeout(() => silence.abort(), SILENT_MS);
  try {
    const either = AbortSignal.any([signal, silence.signal]);
    for await (const message of serverSentEvents(session, url, lastEventId, either)) {
      clearTimeout(watch);
      watch = setTimeout(() => silence.abort(), SILENT_MS);
      yield message;
    }
  } finally {
    clearTimeout(watch);
  }
}

/** Asking again would not help. Where it was only the place to resume that was wrong, it does. */
function isFinal(error: unknown, lastEventId: string | undefined): boolean {
  if (!(error instanceof ApiError)) return false;
  if (error.status === 400) return lastEventId === undefined;
  return [401, 403, 404, 501].includes(error.status);
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
