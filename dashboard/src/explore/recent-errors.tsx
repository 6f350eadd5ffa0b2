import { EventWhat } from '../events/event-what';
import { type Column, DataTable } from '../ui/data-table';
import { Json } from '../ui/json';
import { Moment } from '../ui/moment';
import { Select } from '../ui/select';
import { Block } from './block';
import { FilterButton, type OnFilter } from './filter-button';
import { daysOfSelection, type ExploreState, ROW_LIMITS, type Selection, type SetExplore } from './selection';
import { SessionLink } from './session-link';
import { type ErrorEvent, useErrors } from './use-questions';

interface Props {
  selection: Selection;
  limit: ExploreState['errors'];
  set: SetExplore;
}

/** The newest errors, each with its properties and metadata. */
export function RecentErrors({ selection, limit, set }: Props) {
  const query = useErrors(selection, limit);
  return (
    <Block
      title="Recent errors"
      query={query}
      csv={{ name: 'errors', days: daysOfSelection(selection) }}
      tools={<Select label="Rows" isInline value={limit} values={ROW_LIMITS} onChange={(errors) => set({ errors })} />}
    >
      {({ results }) => (
        <DataTable
          caption="The newest errors"
          isCaptionHidden
          columns={columns(set)}
          rows={results}
          rowKey={(row) => row.event_id}
          empty="No errors. Good."
          details={({ properties, metadata }) => <Json value={{ properties, metadata }} />}
        />
      )}
    </Block>
  );
}

function columns(onFilter: OnFilter): Column<ErrorEvent>[] {
  return [
    { key: 'time', header: 'Time', cell: (row) => <Moment at={row.timestamp} /> },
    { key: 'what', header: 'What', cell: (row) => <EventWhat event={row} /> },
    {
      key: 'source',
      header: 'Source',
      cell: (row) => <FilterButton field="source" value={row.source} onFilter={onFilter} />,
    },
    { key: 'session', header: 'Session', cell: (event) => <SessionLink event={event} /> },
  ];
}
