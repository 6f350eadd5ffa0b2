import { EventTypeLabel } from '../events/event-type-label';
import { EventWhat } from '../events/event-what';
import { type Column, DataTable } from '../ui/data-table';
import { formatDuration } from '../ui/format';
import { Json } from '../ui/json';
import { Moment } from '../ui/moment';
import { SessionLink } from './session-link';
import type { ListedEvent, Subject } from './use-event-history';

interface Props {
  subject: Subject;
  /** The oldest first. */
  events: readonly ListedEvent[];
  sort: string;
  onSort: (sort: string) => void;
}

export function HistoryTable({ subject, events, sort, onSort }: Props) {
  return (
    <DataTable
      caption="Events with their times"
      isCaptionHidden
      columns={'session_id' in subject ? columnsOfSession(events[0]) : COLUMNS_OF_USER}
      rows={events}
      rowKey={(event) => event.event_id}
      empty="No events on these days. They may lie on other days, or were never sent."
      details={(event) => <Json value={event} />}
      sort={sort}
      onSort={onSort}
    />
  );
}

const TIME: Column<ListedEvent> = {
  key: 'time',
  header: 'Time',
  cell: (event) => <Moment at={event.timestamp} />,
  sortBy: (event) => event.timestamp,
};
const TYPE: Column<ListedEvent> = {
  key: 'type',
  header: 'Type',
  cell: (event) => <EventTypeLabel type={event.event_type} />,
};
const WHAT: Column<ListedEvent> = { key: 'what', header: 'What', cell: (event) => <EventWhat event={event} /> };
const APP: Column<ListedEvent> = { key: 'app', header: 'App', cell: (event) => event.app };

function columnsOfSession(first: ListedEvent | undefined): Column<ListedEvent>[] {
  const after = ({ timestamp }: ListedEvent) =>
    (Date.parse(timestamp) - Date.parse(first?.timestamp ?? timestamp)) / 1000;
  return [
    TIME,
    { key: 'after', header: 'After', cell: (event) => `+${formatDuration(after(event))}`, isNumber: true },
    TYPE,
    WHAT,
    APP,
    { key: 'source', header: 'Source', cell: (event) => event.source },
  ];
}

const COLUMNS_OF_USER: Column<ListedEvent>[] = [
  TIME,
  TYPE,
  WHAT,
  APP,
  { key: 'session', header: 'Session', cell: (event) => <SessionLink event={event} /> },
];
