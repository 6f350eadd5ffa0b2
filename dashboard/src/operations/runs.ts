/** Runs of jobs, executions of workflows and their steps, in words. */

import type { components } from '../api/schema';
import { formatDuration } from '../ui/format';

export type JobState = components['schemas']['JobState'];
export type JobRun = components['schemas']['JobRun'];
export type Execution = components['schemas']['Execution'];
export type StepRun = components['schemas']['StepRun'];
export type RunStatus = JobRun['status'];

export function hasEnded({ status }: { status: RunStatus }): boolean {
  return status === 'done' || status === 'failed';
}

/** How long something took, in words; `–` while it has not ended. */
export function took(startedAt?: string | null, finishedAt?: string | null): string {
  if (!startedAt || !finishedAt) return '–';
  return formatDuration(Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
}

/** `removed: 3, days: ["2026-03-09"]`. */
export function facts(result: Readonly<Record<string, unknown>> | null | undefined): string {
  const entries = Object.entries(result ?? {});
  return entries
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

/** A cron line in words, where it is one that a job has: `daily at 00:05 UTC`, `hourly at :20`. */
export function schedule(cron: string | null): string {
  if (cron === null) return 'when asked for';
  const [minute = '', hour = '', ...rest] = cron.split(' ');
  if (rest.join(' ') !== '* * *' || !/^\d+$/.test(minute)) return `${cron} (UTC)`;
  if (hour === '*') return `hourly at :${minute.padStart(2, '0')}`;
  return /^\d+$/.test(hour) ? `daily at ${hour.padStart(2, '0')}:${minute.padStart(2, '0')} UTC` : `${cron} (UTC)`;
}
