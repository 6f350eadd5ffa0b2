import { type ReactNode, useEffect, useId, useRef } from 'react';

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** What a choice above has opened: it takes the focus, and so comes into sight. Give it a `key` of the choice. */
export function Opened({ title, onClose, children }: Props) {
  const section = useRef<HTMLElement>(null);
  const id = useId();
  useEffect(() => section.current?.focus(), []);
  return (
    <section ref={section} className="card stack opened" tabIndex={-1} aria-labelledby={id}>
      <div className="row spread">
        <h2 id={id}>{title}</h2>
        <button type="button" className="button" onClick={onClose}>
          Close
        </button>
      </div>
      {children}
    </section>
  );
}
