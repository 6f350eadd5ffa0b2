import { useMemo } from 'react';
import { Link } from 'react-router';
import { DayField } from '../ui/day-field';
import type { Days } from '../ui/days';
import { QueryView } from '../ui/query-view';
import { dayParameter, textParameter, useSearchState } from '../ui/use-search-state';
import { Dimmed } from './block';
import { HistoryCards } from './history-cards';
import { LoadedEvents } from './loaded-events';
import { type Subject, useEventHistory } from './use-event-history';
import './explore-page.css';

interface Props {
  /** What the subject is, before its id. */
  title: string;
  id: string;
  subject: Subject;
  /** The order to begin with: `time` has the oldest event first, `-time` the newest. */
  initialSort: 'time' | '-time';
}

/** All that one session, or one user, did. */
export function EventHistory({ title, id, subject, initialSort }: Props) {
  const [{ sort, ...days }, set] = useSearchState({
    from: dayParameter(''),
    to: dayParameter(''),
    sort: textParameter(initialSort),
  });
  const query = useEventHistory(subject, days);
  // Pages come newest first, and so do the events in them.
  const events = useMemo(() => query.data?.pages.flatMap((page) => page.events).reverse() ?? [], [query.data]);
  return (
    <div className="stack">
      <Link to="/explore">Explore</Link>
      <h1>
        {title} <span className="history-id">{id}</span>
      </h1>
      <HistoryDays days={days} onChange={set} />
      <QueryView query={query} what="events">
        {() => (
          <Dimmed query={query}>
            <HistoryCards events={events} isWhole={!query.hasNextPage} />
            <LoadedEvents
              query={query}
              subject={subject}
              events={events}
              sort={sort}
              onSort={(next) => set({ sort: next })}
            />
          </Dimmed>
        )}
      </QueryView>
    </div>
  );
}

type OnDays = (days: Partial<Days>, options?: { replace?: boolean }) => void;

function HistoryDays({ days: { from, to }, onChange }: { days: Days; onChange: OnDays }) {
  return (
    <div className="card explore-bar">
      <DayField label="From (UTC)" value={from} onChange={(day) => onChange({ from: day }, { replace: true })} />
      <DayField label="To (UTC)" value={to} onChange={(day) => onChange({ to: day }, { replace: true })} />
      {(from || to) && (
        <button type="button" className="button" onClick={() => onChange({ from: '', to: '' })}>
          All days up to now
        </button>
      )}
    </div>
  );
}
