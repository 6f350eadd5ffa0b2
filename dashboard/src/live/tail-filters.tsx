import { EVENT_TYPES, lookOf } from '../events/event-types';
import { SearchField } from '../ui/search-field';
import type { TailFilter } from './tail';

interface Props {
  filter: TailFilter;
  onChange: (changes: Partial<TailFilter>, options?: { replace?: boolean }) => void;
}

export function TailFilters({ filter, onChange }: Props) {
  const isFiltered = Object.values(filter).some(Boolean);
  const field = (name: keyof TailFilter, label: string, placeholder?: string) => (
    <SearchField
      label={label}
      value={filter[name]}
      placeholder={placeholder}
      onChange={(value) => onChange({ [name]: value.trim() }, { replace: true })}
    />
  );
  return (
    <search className="tail-filters" aria-label="Filters of the events">
      <label className="field">
        <span>Type</span>
        <select value={filter.type} onChange={(event) => onChange({ type: event.target.value as TailFilter['type'] })}>
          <option value="">All</option>
          {EVENT_TYPES.map((type) => (
            <option key={type} value={type}>
              {lookOf(type).label}
            </option>
          ))}
        </select>
      </label>
      {field('app', 'App')}
      {field('session', 'Session')}
      {field('user', 'User')}
      {field('text', 'Text', 'in any field')}
      {isFiltered && (
        <button
          type="button"
          className="button"
          onClick={() => onChange({ type: '', app: '', session: '', user: '', text: '' })}
        >
          Clear
        </button>
      )}
    </search>
  );
}
