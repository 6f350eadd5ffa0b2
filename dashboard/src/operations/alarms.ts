/** Alarms in words, and which of them come first. */

import type { components } from '../api/schema';
import { formatDuration, formatNumber, formatPercent } from '../ui/format';

export type Alarm = components['schemas']['AlarmState'];
export type AlarmName = Alarm['name'];
export type Episode = components['schemas']['Episode'];

/** How an alarm stands; `near`: not far from its threshold, or beyond it and not yet for long enough. */
export type Standing = 'ringing' | 'near' | 'calm' | 'unknown';

const ORDER: readonly Standing[] = ['ringing', 'near', 'unknown', 'calm'];
const RINGS_BELOW: ReadonlySet<AlarmName> = new Set(['disk_free']);
const NEAR_SHARE = 0.8;
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

export function standing({ name, state, value, threshold }: Alarm): Standing {
  if (state === 'raised') return 'ringing';
  if (value === null) return 'unknown';
  const isNear = RINGS_BELOW.has(name) ? value * NEAR_SHARE < threshold : value > threshold * NEAR_SHARE;
  return isNear ? 'near' : 'calm';
}

/** Those that ring first, the longest first; then those that are near. */
export function worstFirst(alarms: readonly Alarm[]): Alarm[] {
  const rank = (alarm: Alarm) => ORDER.indexOf(standing(alarm));
  const since = (alarm: Alarm) => alarm.episode?.raised_at ?? '';
  return alarms.toSorted((one, other) => rank(one) - rank(other) || since(one).localeCompare(since(other)));
}

/** `Dead letters`. */
export function nameInWords(name: string): string {
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** `1 min 2 s`, `7 letters`, `yes`. */
export function inWords(value: number, unit: string): string {
  if (unit === 'seconds') return formatDuration(value);
  if (unit === '%') return formatPercent(value);
  if (unit === '1 or 0') return value ? 'yes' : 'no';
  return `${value < 100 ? tenths.format(value) : formatNumber(Math.round(value))} ${value === 1 ? singular(unit) : unit}`;
}

/** `rings above 5 min`. */
export function thresholdInWords({ name, threshold, unit }: Pick<Alarm, 'name' | 'threshold' | 'unit'>): string {
  if (unit === '1 or 0') return 'rings when yes';
  return `rings ${RINGS_BELOW.has(name) ? 'below' : 'above'} ${inWords(threshold, unit)}`;
}

function singular(unit: string): string {
  return unit.replace(/(?<=ch)es$|s$/, '');
}
