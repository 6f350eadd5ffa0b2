import type { ReactNode } from 'react';
import type { Tone } from './badge';
import './stat-card.css';

/** One number with its name, inside `StatCards`. */
export function StatCard(props: { label: string; value: ReactNode; detail?: ReactNode; tone?: Tone }) {
  return (
    <div className="card stat-card">
      <dt>{props.label}</dt>
      <dd className={props.tone ? `stat-card-value stat-card-${props.tone}` : 'stat-card-value'}>{props.value}</dd>
      {props.detail && <dd className="muted stat-card-detail">{props.detail}</dd>}
    </div>
  );
}

/** The cards side by side. */
export function StatCards({ label, children }: { label: string; children: ReactNode }) {
  return (
    <section aria-label={label}>
      <dl className="stat-cards">{children}</dl>
    </section>
  );
}
