import { Select } from '../ui/select';
import { EVENT_TYPES, type EventType, lookOf } from './event-types';

const TYPES = ['', ...EVENT_TYPES] as const;

interface Props {
  /** Empty for all. */
  value: EventType | '';
  onChange: (type: EventType | '') => void;
}

export function EventTypeSelect({ value, onChange }: Props) {
  return (
    <Select
      label="Type"
      value={value}
      values={TYPES}
      nameOf={(type) => (type ? lookOf(type).label : 'All')}
      onChange={onChange}
    />
  );
}
