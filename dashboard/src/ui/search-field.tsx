import { useEffect, useEffectEvent, useState } from 'react';

const QUIET_MS = 300;

interface Props {
  label: string;
  value: string;
  /** Called when typing has stopped for a moment. */
  onChange: (value: string) => void;
  placeholder?: string;
}

/** A field that narrows what is shown. */
export function SearchField({ label, value, onChange, placeholder }: Props) {
  const [text, setText] = useState(value);
  const [seen, setSeen] = useState(value);
  const [sent, setSent] = useState(value);
  if (value !== seen) {
    setSeen(value);
    setSent(value);
    // Somebody else changed it: the back button, or a link.
    if (value !== sent) setText(value);
  }
  const send = useEffectEvent(() => {
    if (text === sent) return;
    setSent(text);
    onChange(text);
  });
  useEffect(() => {
    const timer = setTimeout(() => send(), QUIET_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label className="field">
      <span>{label}</span>
      <input type="search" value={text} placeholder={placeholder} onChange={(event) => setText(event.target.value)} />
    </label>
  );
}
