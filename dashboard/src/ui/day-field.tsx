import { useState } from 'react';

const EARLIEST = '2000-01-01';

interface Props {
  label: string;
  /** As `2026-03-09`, or empty. */
  value: string;
  /** Called with whole days alone, not while a year is being typed. */
  onChange: (day: string) => void;
}

export function DayField({ label, value, onChange }: Props) {
  const [draft, setDraft] = useState(value);
  const [seen, setSeen] = useState(value);
  if (value !== seen) {
    setSeen(value);
    setDraft(value);
  }
  const change = (day: string) => {
    setDraft(day);
    if (day >= EARLIEST && day !== value) onChange(day);
  };
  return (
    <label className="field">
      <span>{label}</span>
      <input type="date" min={EARLIEST} value={draft} onChange={(event) => change(event.target.value)} />
    </label>
  );
}
