/** The equation of the ledger: what was accepted is in exactly one of these places. */

import type { components } from '../api/schema';

export type LedgerReport = components['schemas']['LedgerReport'];
export type Ledger = components['schemas']['Ledger'];

interface Place {
  key: Exclude<keyof Ledger, 'accepted'>;
  label: string;
  meaning: string;
  color: string;
}

export const PLACES: readonly Place[] = [
  { key: 'stored', label: 'Stored', meaning: 'in the lake', color: 'var(--chart-1)' },
  { key: 'in_flight', label: 'In flight', meaning: 'in the journal, on the way to the lake', color: 'var(--chart-2)' },
  { key: 'dead_lettered', label: 'Dead-lettered', meaning: 'set aside until tried again', color: 'var(--chart-4)' },
  { key: 'expired', label: 'Expired', meaning: 'dead letters of too great an age', color: 'var(--chart-5)' },
  { key: 'purged', label: 'Purged', meaning: 'dead letters that were given up', color: 'var(--text)' },
  { key: 'erased', label: 'Erased', meaning: 'by erasures of users and sessions', color: 'var(--chart-3)' },
  { key: 'retired', label: 'Retired', meaning: 'removed for their age', color: 'var(--chart-6)' },
];

export function sumOf(ledger: Ledger): number {
  return PLACES.reduce((sum, { key }) => sum + ledger[key], 0);
}
