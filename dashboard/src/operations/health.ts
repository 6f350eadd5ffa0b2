/** What is read out of the health of the system. */

import type { components } from '../api/schema';
import type { Series, TimeRow } from '../ui/chart/series';
import { type Alarm, type AlarmName, inWords, nameInWords, standing, thresholdInWords, worstFirst } from './alarms';
import type { Reason } from './use-readiness';

export type HealthSeries = components['schemas']['HealthSeries'];
export type Tone = 'good' | 'warning' | 'bad';

/** Something that is not, or may soon not be, in order. */
export interface Finding {
  key: string;
  tone: Tone;
  sentence: string;
}

/** The newest minutes may have nothing yet. */
const RECENT_STEPS = 3;
/** These say what readiness says. */
const SAID_BY_READINESS: ReadonlySet<AlarmName> = new Set(['refusing', 'stalled']);

/** What is not in order, the worst first. */
export function findings(reason: Reason, alarms: readonly Alarm[]): Finding[] {
  const notReady: Finding[] = reason === null ? [] : [{ key: 'readiness', tone: 'bad', sentence: reason }];
  const others = alarms.filter(({ name }) => reason === null || !SAID_BY_READINESS.has(name));
  return [...notReady, ...worstFirst(others).flatMap(finding)];
}

function finding(alarm: Alarm): Finding[] {
  const { name, episode, value, unit } = alarm;
  const now = value === null || unit === '1 or 0' ? '' : `Now: ${inWords(value, unit)}.`;
  if (episode) return [{ key: name, tone: 'bad', sentence: `${episode.sentence} ${now}` }];
  if (standing(alarm) !== 'near') return [];
  return [{ key: name, tone: 'warning', sentence: `${nameInWords(name)} ${thresholdInWords(alarm)}. ${now}` }];
}

const TONES = { ringing: 'bad', near: 'warning', calm: 'good', unknown: undefined } as const;

export function toneOf(alarm: Alarm): Tone | undefined {
  return TONES[standing(alarm)];
}

/** The worst of some tones. */
export function worstTone(tones: readonly (Tone | undefined)[]): Tone {
  return (['bad', 'warning'] as const).find((tone) => tones.includes(tone)) ?? 'good';
}

/** The value of now; null when nothing has been seen in the last minutes. */
export function newest({ series }: HealthSeries, name: string): number | null {
  return series[name]?.slice(-RECENT_STEPS).findLast((value) => value !== null) ?? null;
}

/** Rows of a chart; `scale` is what each value is multiplied by. */
export function healthRows(history: HealthSeries, series: readonly Series[], scale = 1): TimeRow[] {
  const start = Date.parse(history.start);
  const steps = Math.max(0, ...series.map(({ key }) => history.series[key]?.length ?? 0));
  return Array.from({ length: steps }, (_, step) => ({
    at: new Date(start + step * history.step_seconds * 1000).toISOString(),
    values: Object.fromEntries(series.map(({ key }) => [key, scaled(history.series[key]?.[step] ?? null, scale)])),
  }));
}

function scaled(value: number | null, scale: number): number | null {
  return value === null ? null : value * scale;
}
