import { type RefObject, useEffect, useEffectEvent, useRef, useState } from 'react';
import { useSession } from '../auth/use-session';
import { useIsVisible } from '../ui/use-is-visible';
import { follow, type StreamState } from './follow';
import type { ServerMessage } from './sse';

/** The server keeps what a stream missed for so long. */
const RESUMED_WITHIN_MS = 60_000;

interface Followed {
  state: StreamState;
  /** When the server last gave a sign of life. */
  signAt: RefObject<number>;
}

interface Place {
  url: string;
  id: string;
  at: number;
}

/**
 * Follow a stream while the page can be seen: a browser has six connections to a server for all of its tabs.
 * `onGap` is called when it begins anew, and not where it stopped.
 */
export function useFollow(url: string, onMessage: (message: ServerMessage) => void, onGap?: () => void): Followed {
  const session = useSession();
  const isVisible = useIsVisible();
  const [state, setState] = useState<StreamState>('connecting');
  const signAt = useRef(Date.now());
  const place = useRef<Place | null>(null);

  const receive = useEffectEvent((message: ServerMessage) => {
    signAt.current = Date.now();
    if (message.id !== undefined) place.current = { url, id: message.id, at: signAt.current };
    if (message.data !== null) onMessage(message);
  });
  const resume = useEffectEvent((): string | undefined => {
    const last = place.current?.url === url ? place.current : null;
    if (!last) return undefined;
    if (Date.now() - last.at < RESUMED_WITHIN_MS) return last.id;
    onGap?.();
    return undefined;
  });

  useEffect(() => {
    if (!isVisible) return;
    const stop = new AbortController();
    signAt.current = Date.now();
    setState('connecting');
    void follow(session, { url, lastEventId: resume(), onMessage: receive, onState: setState }, stop.signal);
    return () => stop.abort();
  }, [session, url, isVisible]);

  return { state, signAt };
}
