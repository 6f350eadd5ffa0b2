import { formatDuration } from '../ui/format';
import { useNow } from '../ui/use-now';
import type { Live } from './use-realtime';

/** The server says something at least every 5 seconds. */
const STALE_MS = 12_000;

/** Whether the numbers are those of now. */
export function Freshness({ live }: { live: Live }) {
  const silentMs = useNow() - live.signAt();
  const { data, error } = live.query;
  // Without data the page says itself what is wrong.
  if (!data) return null;
  if (silentMs > STALE_MS || (live.isPolling && error)) {
    return (
      <span className="badge badge-bad" role="status">
        Stale: nothing heard for {formatDuration(Math.max(1, Math.round(silentMs / 1000)))}
      </span>
    );
  }
  return (
    <span className="badge badge-good" role="status">
      {live.isPolling ? 'Live, every 2 seconds' : 'Live'}
    </span>
  );
}
