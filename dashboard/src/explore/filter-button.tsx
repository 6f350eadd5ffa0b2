import type { ReactNode } from 'react';
import type { Filter, Filters } from './selection';

export type OnFilter = (filter: Partial<Filters>) => void;

/** A value that narrows the page to itself. */
export function FilterButton(props: {
  field: Filter | 'event_type';
  value: string;
  onFilter: OnFilter;
  children?: ReactNode;
}) {
  const { field, value, onFilter, children = value } = props;
  return (
    <button
      type="button"
      className="explore-filter"
      title={`Only ${value}`}
      onClick={() => onFilter({ [field]: value })}
    >
      {children}
    </button>
  );
}
