/** How often runs are asked for again: often while one of them may still end. */

import { hasEnded, type RunStatus } from './runs';

interface Run {
  status: RunStatus;
}

const RUNNING_MS = 1_000;
const QUIET_MS = 10_000;

/** For one run, until it has ended; what could not be had at all is not asked for again. */
export function untilEnded({ state: { data } }: { state: { data: Run | undefined } }): number | false {
  return data !== undefined && !hasEnded(data) && RUNNING_MS;
}

/** For a list of runs. */
export function paceOf(runs: readonly Run[] | undefined): number {
  return runs?.every(hasEnded) ? QUIET_MS : RUNNING_MS;
}
