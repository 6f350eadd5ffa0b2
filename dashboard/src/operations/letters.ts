/** Dead letters, and what becomes of them, in words. */

import type { components } from '../api/schema';
import { formatNumber } from '../ui/format';

export type Letter = components['schemas']['Letter'];
export type Group = components['schemas']['Group'];
export type Redriven = components['schemas']['Redriven'];
export type Outcome = Redriven['outcome'];

/** Which letters: these, all of one fault, or all. */
export type Wanted = { ids: string[] } | { fingerprint: string } | { all: true };

export type Consumer = 'speed' | 'lake';
export const CONSUMERS: Readonly<Record<Consumer, string>> = { speed: 'Live counters', lake: 'Lake' };

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  redriven: 'given back to be tried again',
  purged: 'purged before',
  expired: 'too old to be tried again',
  unknown: 'not there any more',
  would_succeed: 'would succeed',
  would_fail: 'would fail again',
};

/** What one fault has set aside: it may be in the code of both layers. */
export interface Fault {
  fingerprint: string;
  reason: string;
  layers: Partial<Record<Consumer, Group>>;
  firstAt: string;
  lastAt: string;
}

/** The groups of a fault in one row, in the order of the groups: the largest first. */
export function faults(groups: readonly Group[]): Fault[] {
  const byFingerprint = grouped(groups, (group) => group.fingerprint);
  return [...byFingerprint].map(([fingerprint, same]) => ({
    fingerprint,
    reason: same[0]?.reason ?? '',
    layers: Object.fromEntries(same.map((group) => [group.consumer, group])),
    firstAt: same.map((group) => group.first_parked_at).sort()[0] ?? '',
    lastAt:
      same
        .map((group) => group.last_parked_at)
        .sort()
        .at(-1) ?? '',
  }));
}

export function layerOf({ consumer }: { consumer: string }): string {
  return CONSUMERS[consumer as Consumer] ?? consumer;
}

/** The id of a letter begins with its layer. */
export function layerOfId(id: string): string {
  return layerOf({ consumer: id.split(':')[0] ?? '' });
}

/** `2 letters, 7 events`. */
export function countsInWords(letters: number, events: number): string {
  return `${counted(letters, 'letter')}, ${counted(events, 'event')}`;
}

/** How many letters have which outcome, by layer: `Lake: would fail again (ValueError), 2 letters, 7 events`. */
export function outcomesInWords(letters: readonly Redriven[]): string[] {
  const same = grouped(letters, (one) => `${layerOfId(one.id)}: ${outcomeInWords(one)}`);
  return [...same].map(
    ([outcome, them]) =>
      `${outcome}, ${countsInWords(
        them.length,
        them.reduce((sum, one) => sum + one.events, 0),
      )}`,
  );
}

/** `would fail again (ValueError)`. */
export function outcomeInWords({ outcome, reason }: Redriven): string {
  return reason ? `${OUTCOMES[outcome]} (${reason})` : OUTCOMES[outcome];
}

function counted(count: number, what: string): string {
  return `${formatNumber(count)} ${count === 1 ? what : `${what}s`}`;
}

function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
