import { ROW_LIMITS } from './selection';

type Limit = (typeof ROW_LIMITS)[number];

export function RowsSelect({ value, onChange }: { value: Limit; onChange: (limit: Limit) => void }) {
  return (
    <label className="row">
      <span className="muted">Rows</span>
      <select
        className="explore-select"
        value={value}
        onChange={(event) => onChange(Number(event.target.value) as Limit)}
      >
        {ROW_LIMITS.map((limit) => (
          <option key={limit}>{limit}</option>
        ))}
      </select>
    </label>
  );
}
