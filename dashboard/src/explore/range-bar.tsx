import { DayField } from './day-field';
import { type Days, RANGE_LABELS, RANGES, type Range, visitorZone } from './days';
import type { ExploreState, SetExplore } from './selection';

/** Which days, and in which zone they begin. */
export function RangeBar({ state, days, set }: { state: ExploreState; days: Days; set: SetExplore }) {
  const chooseDays = (changes: Partial<Days>) =>
    set({ range: 'custom', ...days, ...changes }, { replace: state.range === 'custom' });
  const chooseRange = (range: Range) => set(range === 'custom' ? { range, ...days } : { range, from: '', to: '' });
  const zones = [...new Set([visitorZone(), 'UTC'])];
  return (
    <div className="explore-bar">
      <label className="field">
        <span>Days</span>
        <select value={state.range} onChange={(event) => chooseRange(event.target.value as Range)}>
          {RANGES.map((range) => (
            <option key={range} value={range}>
              {RANGE_LABELS[range]}
            </option>
          ))}
        </select>
      </label>
      <DayField label="From" value={days.from} onChange={(from) => chooseDays({ from })} />
      <DayField label="To" value={days.to} onChange={(to) => chooseDays({ to })} />
      <label className="field">
        <span>Time zone of the days</span>
        <select
          value={state.tz === 'UTC' ? 'UTC' : zones[0]}
          onChange={(event) => set({ tz: event.target.value === zones[0] ? 'local' : 'UTC' })}
        >
          {zones.map((zone) => (
            <option key={zone}>{zone}</option>
          ))}
        </select>
      </label>
    </div>
  );
}
