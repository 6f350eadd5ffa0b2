import './json.css';

/** A value as it is stored. */
export function Json({ value }: { value: object }) {
  return <pre className="json mono">{JSON.stringify(value, null, 2)}</pre>;
}
