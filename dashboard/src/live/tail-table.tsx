import { Link } from 'react-router';
import { EventTypeLabel } from '../events/event-type-label';
import { EventWhat } from '../events/event-what';
import { sessionPath } from '../explore/history';
import { type Column, DataTable } from '../ui/data-table';
import { Json } from '../ui/json';
import { Moment } from '../ui/moment';
import type { TailEvent } from './tail';

const COLUMNS: Column<TailEvent>[] = [
  { key: 'received', header: 'Received', cell: (event) => <Moment at={event.received_at} withDate={false} /> },
  { key: 'type', header: 'Type', cell: (event) => <EventTypeLabel type={event.event_type} /> },
  { key: 'what', header: 'What', cell: (event) => <EventWhat event={event} /> },
  { key: 'app', header: 'App', cell: (event) => event.app },
  {
    key: 'session',
    header: 'Session',
    cell: (event) => (
      <Link className="mono" to={sessionPath(event.session_id)}>
        {event.session_id.slice(0, 12)}
      </Link>
    ),
  },
  { key: 'user', header: 'User', cell: (event) => event.user_id ?? '–' },
];

/** Events, the newest first, each with all that is known about it. */
export function TailTable({ events }: { events: readonly TailEvent[] }) {
  return (
    <DataTable
      caption="Newest events"
      isCaptionHidden
      columns={COLUMNS}
      rows={events}
      rowKey={(event) => event.event_id}
      empty="No events that match. New ones appear here by themselves."
      details={(event) => <Json value={event} />}
    />
  );
}
