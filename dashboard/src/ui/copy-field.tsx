import { useId, useRef, useState } from 'react';
import './copy-field.css';

/** A text to be taken elsewhere. */
export function CopyField({ label, value }: { label: string; value: string }) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [note, setNote] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setNote('Copied.');
    } catch {
      // Browsers hide the clipboard from pages without TLS.
      input.current?.select();
      setNote('The browser does not let this page copy: press Ctrl+C or ⌘C.');
    }
  };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="copy-field">
        <input id={id} ref={input} className="mono" readOnly value={value} onFocus={(event) => event.target.select()} />
        <button type="button" className="button" aria-label={`Copy: ${label}`} onClick={() => void copy()}>
          Copy
        </button>
      </div>
      <span role="status">{note}</span>
    </div>
  );
}
