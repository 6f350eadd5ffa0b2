import './code-block.css';

/** Text as it is, which scrolls inside its frame when it is long. */
export function CodeBlock({ label, text }: { label: string; text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section className="code-block" aria-label={label} tabIndex={0}>
      <pre className="mono">{text}</pre>
    </section>
  );
}
