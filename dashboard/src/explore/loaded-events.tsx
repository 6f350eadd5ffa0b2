import { CsvButton } from '../ui/csv-button';
import { formatNumber } from '../ui/format';
import { Moment } from '../ui/moment';
import { HistoryTable } from './history-table';
import type { History, ListedEvent, Subject } from './use-event-history';

interface Props {
  query: History;
  subject: Subject;
  /** The oldest first. */
  events: readonly ListedEvent[];
  sort: string;
  onSort: (sort: string) => void;
}

/** The events that are loaded, how fresh they are, and the way to older ones. */
export function LoadedEvents({ query, events, ...table }: Props) {
  const completeUntil = query.data?.pages[0]?.complete_until;
  return (
    <section className="card stack" aria-labelledby="loaded-events">
      <div className="row spread">
        <h2 id="loaded-events">Events</h2>
        <CsvButton of="the events" name="events" rows={events} />
      </div>
      {query.hasNextPage && <Older query={query} count={events.length} />}
      <HistoryTable events={events} {...table} />
      <p className="muted explore-facts">
        {query.error && <strong>Not refreshed: {query.error.message} </strong>}
        {completeUntil && (
          <>
            Complete up to <Moment at={completeUntil} />
          </>
        )}
      </p>
    </section>
  );
}

function Older({ query, count }: { query: History; count: number }) {
  return (
    <div className="row">
      <span role="status">The newest {formatNumber(count)} events are loaded; there are older ones.</span>
      <button
        type="button"
        className="button"
        disabled={query.isFetchingNextPage}
        onClick={() => void query.fetchNextPage()}
      >
        {query.isFetchingNextPage ? 'Loading …' : 'Load older events'}
      </button>
    </div>
  );
}
