import { Badge, type Tone } from '../ui/badge';
import type { RunStatus } from './runs';

const TONES: Record<RunStatus, Tone | undefined> = {
  waiting: undefined,
  running: 'warning',
  done: 'good',
  failed: 'bad',
};

export function RunBadge({ status }: { status: RunStatus }) {
  return <Badge tone={TONES[status]}>{status}</Badge>;
}
