import { lookOf } from './event-types';
import './event-type-label.css';

/** A type's name behind a dot in its colour. */
export function EventTypeLabel({ type }: { type: string }) {
  const { label, color } = lookOf(type);
  return (
    <span className="event-type-label">
      <span className="dot" style={{ background: color }} aria-hidden="true" />
      {label}
    </span>
  );
}
