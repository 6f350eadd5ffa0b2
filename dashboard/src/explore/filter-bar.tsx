import { type FormEvent, useState } from 'react';
import { EventTypeSelect } from '../events/event-type-select';
import { Select } from '../ui/select';
import {
  type ExploreState,
  FIELD_LABELS,
  FILTERS,
  type Filter,
  type Filters,
  type SetExplore,
  SOURCES,
} from './selection';

const NONE = { event_type: '', ...Object.fromEntries(FILTERS.map((name) => [name, ''])) } as Filters;

/** The type, and exact values of fields: those there are can be removed, and others added. */
export function FilterBar({ state, set }: { state: ExploreState; set: SetExplore }) {
  const chosen = FILTERS.filter((name) => state[name]);
  return (
    <search className="stack" aria-label="Filters">
      <div className="explore-bar">
        <EventTypeSelect value={state.event_type} onChange={(event_type) => set({ event_type })} />
        <AddFilter onAdd={set} />
      </div>
      {(chosen.length > 0 || state.event_type) && (
        <div className="row">
          {chosen.map((name) => (
            <button
              key={name}
              type="button"
              className="button explore-chip"
              aria-label={`Remove the filter ${FIELD_LABELS[name]}: ${state[name]}`}
              onClick={() => set({ [name]: '' })}
            >
              {FIELD_LABELS[name]}: <strong>{state[name]}</strong> <span aria-hidden="true">×</span>
            </button>
          ))}
          <button type="button" className="button" onClick={() => set(NONE)}>
            Clear all filters
          </button>
        </div>
      )}
    </search>
  );
}

function AddFilter({ onAdd }: { onAdd: (filter: Partial<Filters>) => void }) {
  const [name, setName] = useState<Filter>('page');
  const [value, setValue] = useState('');
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (value) onAdd({ [name]: value });
    setValue('');
  };
  return (
    <form className="explore-add" onSubmit={add}>
      <Select
        label="Field"
        value={name}
        values={FILTERS}
        nameOf={(filter) => FIELD_LABELS[filter]}
        onChange={(filter) => {
          setName(filter);
          setValue('');
        }}
      />
      {name === 'source' ? (
        <Select
          label="Is exactly"
          value={value}
          values={['', ...SOURCES]}
          nameOf={(source) => source || '–'}
          onChange={setValue}
        />
      ) : (
        <label className="field">
          <span>Is exactly</span>
          <input value={value} onChange={(event) => setValue(event.target.value)} />
        </label>
      )}
      <button type="submit" className="button" disabled={!value}>
        Add
      </button>
    </form>
  );
}
