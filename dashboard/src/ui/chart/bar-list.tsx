import type { ReactNode } from 'react';
import { formatNumber } from '../format';
import './chart.css';

interface BarListItem {
  key: string;
  /** A name, or a link that narrows the view. */
  label: ReactNode;
  value: number;
  color?: string;
}

interface Props {
  title: string;
  items: readonly BarListItem[];
  formatValue?: (value: number) => string;
}

/** Values by name, each with a bar as long as its share of the largest. It is text, and needs no chart library. */
export function BarList({ title, items, formatValue = formatNumber }: Props) {
  const largest = Math.max(...items.map((item) => item.value), 1);
  return (
    <ul className="bar-list" aria-label={title}>
      {items.map(({ key, label, value, color = 'var(--chart-1)' }) => (
        <li key={key}>
          <span className="bar-list-label">{label}</span>
          <span className="bar-list-value">{formatValue(value)}</span>
          <span className="bar-list-track" aria-hidden="true">
            <span className="bar-list-bar" style={{ width: `${(100 * value) / largest}%`, background: color }} />
          </span>
        </li>
      ))}
    </ul>
  );
}
