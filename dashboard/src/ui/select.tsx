interface Props<Value extends string | number> {
  label: string;
  value: Value;
  values: readonly Value[];
  /** What a value is called, where that is not the value itself. */
  nameOf?: (value: Value) => string;
  onChange: (value: Value) => void;
  /** The label stands before it, and not above. */
  isInline?: boolean;
}

/** A choice of one value among some. */
export function Select<Value extends string | number>(props: Props<Value>) {
  const { label, value, values, nameOf = String, onChange, isInline = false } = props;
  const choose = (text: string) => {
    const chosen = values.find((one) => String(one) === text);
    if (chosen !== undefined) onChange(chosen);
  };
  return (
    <label className={isInline ? 'row' : 'field'}>
      <span className="muted">{label}</span>
      <select value={value} onChange={(event) => choose(event.target.value)}>
        {values.map((one) => (
          <option key={one} value={one}>
            {nameOf(one)}
          </option>
        ))}
      </select>
    </label>
  );
}
