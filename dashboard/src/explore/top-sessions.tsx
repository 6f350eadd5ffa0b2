import { Link } from 'react-router';
import { type Column, DataTable } from '../ui/data-table';
import { formatDuration, formatNumber } from '../ui/format';
import { Moment } from '../ui/moment';
import { Select } from '../ui/select';
import { Block } from './block';
import { FilterButton, type OnFilter } from './filter-button';
import { sessionPath, userPath } from './history';
import { daysOfSelection, type ExploreState, ROW_LIMITS, type Selection, type SetExplore } from './selection';
import { type TopSession, useTopSessions } from './use-questions';

interface Props {
  selection: Selection;
  limit: ExploreState['sessions'];
  sort: string;
  set: SetExplore;
}

/** The sessions with the most events; each leads to its events. */
export function TopSessions({ selection, limit, sort, set }: Props) {
  const query = useTopSessions(selection, limit);
  return (
    <Block
      title="Top sessions"
      query={query}
      csv={{ name: 'top-sessions', days: daysOfSelection(selection) }}
      tools={
        <Select label="Rows" isInline value={limit} values={ROW_LIMITS} onChange={(sessions) => set({ sessions })} />
      }
    >
      {({ results }) => (
        <DataTable
          caption="Sessions with the most events"
          isCaptionHidden
          columns={columns(set)}
          rows={results}
          rowKey={(row) => row.session_id}
          sort={sort}
          onSort={(sessions_sort) => set({ sessions_sort })}
        />
      )}
    </Block>
  );
}

function columns(onFilter: OnFilter): Column<TopSession>[] {
  return [
    {
      key: 'session',
      header: 'Session',
      cell: ({ session_id, first_seen: first, last_seen: last }) => (
        <Link className="mono" to={sessionPath(session_id, { first, last })}>
          {session_id}
        </Link>
      ),
    },
    {
      key: 'events',
      header: 'Events',
      cell: (row) => formatNumber(row.event_count),
      isNumber: true,
      sortBy: (row) => row.event_count,
    },
    { key: 'first', header: 'First', cell: (row) => <Moment at={row.first_seen} />, sortBy: (row) => row.first_seen },
    { key: 'last', header: 'Last', cell: (row) => <Moment at={row.last_seen} />, sortBy: (row) => row.last_seen },
    {
      key: 'duration',
      header: 'Duration',
      cell: (row) => formatDuration(secondsOf(row)),
      isNumber: true,
      sortBy: secondsOf,
    },
    {
      key: 'user',
      header: 'User',
      cell: ({ user_id }) => (user_id ? <Link to={userPath(user_id)}>{user_id}</Link> : '–'),
    },
    {
      key: 'only',
      header: 'Only',
      cell: ({ session_id, user_id }) => (
        <span className="explore-only">
          <FilterButton field="session_id" value={session_id} onFilter={onFilter}>
            this session
          </FilterButton>
          {user_id && (
            <FilterButton field="user_id" value={user_id} onFilter={onFilter}>
              this user
            </FilterButton>
          )}
        </span>
      ),
    },
  ];
}

function secondsOf({ first_seen, last_seen }: TopSession): number {
  return (Date.parse(last_seen) - Date.parse(first_seen)) / 1000;
}
