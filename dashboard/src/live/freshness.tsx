import { Badge } from '../ui/badge';
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
      <span role="status">
        <Badge tone="bad">Stale: nothing heard for {formatDuration(Math.max(1, Math.round(silentMs / 1000)))}</Badge>
      </span>
    );
  }
  return (
    <span role="status">
      <Badge tone="good">{live.isPolling ? 'Live, every 2 seconds' : 'Live'}</Badge>
    </span>
  );
}
