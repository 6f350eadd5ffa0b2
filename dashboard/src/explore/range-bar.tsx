import { DayField } from '../ui/day-field';
import type { Days } from '../ui/days';
import { Select } from '../ui/select';
import { RANGE_LABELS, RANGES, type Range, visitorZone } from './days';
import type { ExploreState, SetExplore } from './selection';

/** Which days, and in which zone they begin. */
export function RangeBar({ state, days, set }: { state: ExploreState; days: Days; set: SetExplore }) {
  const chooseDays = (changes: Partial<Days>) =>
    set({ range: 'custom', ...days, ...changes }, { replace: state.range === 'custom' });
  const chooseRange = (range: Range) => set(range === 'custom' ? { range, ...days } : { range, from: '', to: '' });
  const zone = visitorZone();
  return (
    <div className="explore-bar">
      <Select
        label="Days"
        value={state.range}
        values={RANGES}
        nameOf={(range) => RANGE_LABELS[range]}
        onChange={chooseRange}
      />
      <DayField label="From" value={days.from} onChange={(from) => chooseDays({ from })} />
      <DayField label="To" value={days.to} onChange={(to) => chooseDays({ to })} />
      <Select
        label="Time zone of the days"
        value={state.tz === 'UTC' ? 'UTC' : zone}
        values={[...new Set([zone, 'UTC'])]}
        onChange={(chosen) => set({ tz: chosen === zone ? 'local' : 'UTC' })}
      />
    </div>
  );
}
