/** What is read out of the health of the system. */

import type { components } from '../api/schema';
import type { Tone } from '../ui/badge';
import type { Series, TimeRow } from '../ui/chart/series';
import { type Alarm, type AlarmName, inWords, nameInWords, standing, thresholdInWords, worstFirst } from './alarms';
import type { Reason } from './use-readiness';

export type HealthSeries = components['schemas']['HealthSeries'];

/** Something that is not, or may soon not be, in order. */
export interface Finding {
  key: string;
  tone: Tone;
  sentence: string;
}

/** The newest minutes may have nothing yet. */
const RECENT_STEPS = 3;
/** More than there are pixels only take time to draw. */
const MOST_ROWS = 360;
const RATE = /_per_(second|minute)$/;
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

/**
 * Rows of a chart, at most `MOST_ROWS`: where there are more steps, a row stands for several. `scale` is what each value
 * is multiplied by.
 */
export function healthRows(history: HealthSeries, series: readonly Series[], scale = 1): TimeRow[] {
  const start = Date.parse(history.start);
  const steps = Math.max(0, ...series.map(({ key }) => history.series[key]?.length ?? 0));
  const width = Math.ceil(steps / MOST_ROWS) || 1;
  return Array.from({ length: Math.ceil(steps / width) }, (_, row) => {
    const first = row * width;
    const value = (key: string) => standsFor(key, history.series[key]?.slice(first, first + width) ?? [], scale);
    return {
      at: new Date(start + first * history.step_seconds * 1000).toISOString(),
      values: Object.fromEntries(series.map(({ key }) => [key, value(key)])),
    };
  });
}

/** The mean of rates, else the worst value; null where nothing ran. */
function standsFor(key: string, values: readonly (number | null)[], scale: number): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  if (RATE.test(key)) return (scale * known.reduce((sum, value) => sum + value, 0)) / known.length;
  return scale * (key === 'free_bytes' ? Math.min(...known) : Math.max(...known));
}
