import { type FormEvent, useState } from 'react';
import { EVENT_TYPES, lookOf } from '../events/event-types';
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
        <label className="field">
          <span>Type</span>
          <select
            value={state.event_type}
            onChange={(event) => set({ event_type: event.target.value as Filters['event_type'] })}
          >
            <option value="">All</option>
            {EVENT_TYPES.map((type) => (
              <option key={type} value={type}>
                {lookOf(type).label}
              </option>
            ))}
          </select>
        </label>
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
      <label className="field">
        <span>Field</span>
        <select
          value={name}
          onChange={(event) => {
            setName(event.target.value as Filter);
            setValue('');
          }}
        >
          {FILTERS.map((filter) => (
            <option key={filter} value={filter}>
              {FIELD_LABELS[filter]}
            </option>
          ))}
        </select>
      </label>
      {name === 'source' ? (
        <label className="field">
          <span>Is exactly</span>
          <select value={value} onChange={(event) => setValue(event.target.value)}>
            <option value="">–</option>
            {SOURCES.map((source) => (
              <option key={source}>{source}</option>
            ))}
          </select>
        </label>
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
