import type { ReactNode } from 'react';

/** How good something is, in a colour. */
export type Tone = 'good' | 'warning' | 'bad';

/** A word or two about how something stands. */
export function Badge({ tone, children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`badge ${tone ? `badge-${tone}` : 'muted'}`}>{children}</span>;
}
