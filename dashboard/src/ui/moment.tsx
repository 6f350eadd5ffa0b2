/** A moment in the visitor's zone; in UTC on hover. */
export function Moment({ at, withDate = true }: { at: string; withDate?: boolean }) {
  const date = new Date(at);
  const options: Intl.DateTimeFormatOptions = { timeStyle: 'medium', ...(withDate ? { dateStyle: 'medium' } : {}) };
  return (
    <time dateTime={at} title={`${date.toISOString().replace('T', ' ').slice(0, 19)} UTC`}>
      {new Intl.DateTimeFormat(undefined, options).format(date)}
    </time>
  );
}
