/** Answers of the server for tests, each with what a test cares about. */

import type { components } from '../api/schema';

type Schemas = components['schemas'];

export const AT = '2026-03-09T14:00:00.000Z';

export function alarm(name: Schemas['AlarmState']['name'], more: Partial<Schemas['AlarmState']> = {}) {
  const calm = {
    state: 'ok',
    value: 0,
    threshold: 60,
    unit: 'seconds',
    watches: 'what it watches',
    todo: 'What to do.',
  };
  return { name, ...calm, episode: null, ...more } as Schemas['AlarmState'];
}

export function episode(of: Schemas['Episode']['alarm'], more: Partial<Schemas['Episode']> = {}): Schemas['Episode'] {
  return { alarm: of, raised_at: AT, value: 90, threshold: 60, sentence: `${of} rings.`, late: false, ...more };
}

/** An alarm that rings. */
export function ringing(name: Schemas['AlarmState']['name'], more: Partial<Schemas['Episode']> = {}) {
  return alarm(name, { state: 'raised', value: 90, episode: episode(name, more) });
}

export function jobRun(name: string, more: Partial<Schemas['JobRun']> = {}): Schemas['JobRun'] {
  return { id: `${name}-1`, name, status: 'done', arguments: {}, requested_at: AT, attempts: 1, ...more };
}

export function job(name: string, more: Partial<Schemas['JobState']> = {}): Schemas['JobState'] {
  const never = { next_run_at: null, last_run: null, last_success_at: null, failures: 0 };
  return { name, what: `What ${name} does.`, cron: null, ...never, ...more };
}

export function letter(id: string, more: Partial<Schemas['Letter']> = {}): Schemas['Letter'] {
  return {
    id,
    consumer: id.split(':')[0] ?? '',
    batch_id: `journal:${id}`,
    events: 2,
    attempts: 3,
    parked_at: AT,
    expires_at: AT,
    fingerprint: 'f19b',
    reason: 'ValueError in tables.py',
    redrive_of: null,
    ...more,
  };
}

export function group(consumer: string, more: Partial<Schemas['Group']> = {}): Schemas['Group'] {
  const when = { first_parked_at: AT, last_parked_at: AT };
  return { fingerprint: 'f19b', consumer, reason: 'ValueError in tables.py', letters: 1, events: 2, ...when, ...more };
}
