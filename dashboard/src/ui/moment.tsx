import { formatUtc } from './format';

const withDay = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const timeAlone = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** A moment in the visitor's zone; in UTC on hover. */
export function Moment({ at, withDate = true }: { at: string; withDate?: boolean }) {
  return (
    <time dateTime={at} title={formatUtc(at)}>
      {(withDate ? withDay : timeAlone).format(new Date(at))}
    </time>
  );
}
