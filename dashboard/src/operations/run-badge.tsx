import type { RunStatus } from './runs';

const TONES: Record<RunStatus, string> = {
  waiting: 'muted',
  running: 'badge-warning',
  done: 'badge-good',
  failed: 'badge-bad',
};

export function RunBadge({ status }: { status: RunStatus }) {
  return <span className={`badge ${TONES[status]}`}>{status}</span>;
}
