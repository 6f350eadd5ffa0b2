import { formatDuration, formatUtc } from './format';
import { useNow } from './use-now';

const REFRESH_MS = 5_000;
const SOON_SECONDS = 5;

/** How far a moment is from now: `5 min ago`, `in 2 h`; itself in UTC on hover. */
export function Ago({ at }: { at: string }) {
  const now = useNow(REFRESH_MS);
  return (
    <time dateTime={at} title={formatUtc(at)}>
      {inWords((Date.parse(at) - now) / 1000)}
    </time>
  );
}

function inWords(seconds: number): string {
  const distance = Math.abs(seconds);
  if (distance < SOON_SECONDS) return 'now';
  const words = formatDuration(distance < 60 ? Math.round(distance) : Math.round(distance / 60) * 60);
  return seconds > 0 ? `in ${words}` : `${words} ago`;
}
