import { EventTypeSelect } from '../events/event-type-select';
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
      <EventTypeSelect value={filter.type} onChange={(type) => onChange({ type })} />
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
