const withDay = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const timeAlone = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** A moment in the visitor's zone; in UTC on hover. */
export function Moment({ at, withDate = true }: { at: string; withDate?: boolean }) {
  const date = new Date(at);
  return (
    <time dateTime={at} title={`${date.toISOString().replace('T', ' ').slice(0, 19)} UTC`}>
      {(withDate ? withDay : timeAlone).format(date)}
    </time>
  );
}
