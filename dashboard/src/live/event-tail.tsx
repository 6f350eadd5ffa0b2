import { useState } from 'react';
import { QueryView } from '../ui/query-view';
import { MOST_ROWS, type TailEvent, type TailFilter } from './tail';
import { TailTable } from './tail-table';
import { useEventTail } from './use-event-tail';

/** Events as they come; they can be held to be read. */
export function EventTail({ filter }: { filter: TailFilter }) {
  const { query, events, isPolling, hasGap } = useEventTail(filter);
  const [held, setHeld] = useState<readonly TailEvent[] | null>(null);
  return (
    <>
      <div className="row">
        <button
          type="button"
          className="button"
          aria-pressed={held !== null}
          disabled={events.length === 0}
          onClick={() => setHeld(held ? null : events)}
        >
          {held ? 'Resume' : 'Pause'}
        </button>
        <span className="muted" role="status">
          {held ? `Paused. ${newer(events, held)}` : ''}
        </span>
        {!held && <span className="muted">{isPolling ? 'New events every 2 seconds.' : ''}</span>}
        {hasGap && (
          <span className="muted">Some events are not shown: they came too fast, or while you were away.</span>
        )}
      </div>
      {events.length > 0 && <TailTable events={held ?? events} />}
      <QueryView query={query} what={events.length > 0 ? 'older events' : 'events'}>
        {() => events.length === 0 && <TailTable events={events} />}
      </QueryView>
    </>
  );
}

function newer(events: readonly TailEvent[], held: readonly TailEvent[]): string {
  const known = new Set(held.map((event) => event.event_id));
  const count = events.filter((event) => !known.has(event.event_id)).length;
  if (count >= MOST_ROWS) return `${MOST_ROWS} new events or more.`;
  return count === 1 ? '1 new event.' : `${count} new events.`;
}
