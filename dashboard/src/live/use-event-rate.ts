import { useEffect, useRef, useState } from 'react';
import { arrived, type Realtime, recentRate } from './realtime';

const WINDOW_SECONDS = 10;
const WINDOW_MS = WINDOW_SECONDS * 1000;

interface EventRate {
  perSecond: number;
  detail: string;
}

/** Events a second: as they came in the last seconds; before these were watched, as the last minutes tell. */
export function useEventRate(snapshot: Realtime, now: number): EventRate {
  const before = useRef<Realtime | null>(null);
  const [watchedSince] = useState(() => now);
  const [arrivals, setArrivals] = useState<readonly { at: number; events: number }[]>([]);
  useEffect(() => {
    const last = before.current;
    before.current = snapshot;
    if (!last) return;
    const at = Date.parse(snapshot.as_of);
    // Answers come when something changes: what came in a longer time is spread over it.
    const share = Math.min(1, WINDOW_MS / (at - Date.parse(last.as_of)));
    const latest = { at, events: arrived(last, snapshot) * share };
    setArrivals((known) => [...known.filter((one) => one.at > at - WINDOW_MS), latest]);
  }, [snapshot]);
  if (now - watchedSince < WINDOW_MS) {
    return { perSecond: recentRate(snapshot, now), detail: 'in the last two minutes' };
  }
  const events = arrivals.filter((one) => one.at > now - WINDOW_MS).reduce((sum, one) => sum + one.events, 0);
  return { perSecond: events / WINDOW_SECONDS, detail: `in the last ${WINDOW_SECONDS} seconds` };
}
