import { type Column, DataTable } from '../ui/data-table';
import { formatNumber, formatPercent } from '../ui/format';
import { Select } from '../ui/select';
import { Block } from './block';
import { FilterButton, type OnFilter } from './filter-button';
import {
  DIMENSIONS,
  type Dimension,
  daysOfSelection,
  type ExploreState,
  FIELD_LABELS,
  FILTERS,
  ROW_LIMITS,
  type Selection,
  type SetExplore,
} from './selection';
import { type BreakdownRow, useBreakdown } from './use-questions';

interface Props {
  selection: Selection;
  /** All events of the selection, of which a value has a share. */
  total: number;
  by: Dimension;
  limit: ExploreState['values'];
  sort: string;
  set: SetExplore;
}

/** Events, sessions and users for each value of a field. */
export function Breakdown({ selection, total, by, limit, sort, set }: Props) {
  const query = useBreakdown(selection, by, limit);
  return (
    <Block
      title="Breakdown"
      choices={<Dimensions by={by} set={set} />}
      query={query}
      csv={{ name: `events-by-${by}`, days: daysOfSelection(selection) }}
      tools={<Select label="Rows" isInline value={limit} values={ROW_LIMITS} onChange={(values) => set({ values })} />}
    >
      {({ results }) => (
        <DataTable
          caption={`Events by ${FIELD_LABELS[by]}`}
          isCaptionHidden
          columns={columns(by, total, set)}
          rows={results}
          rowKey={(row) => JSON.stringify(row[by])}
          sort={sort}
          onSort={(values_sort) => set({ values_sort })}
        />
      )}
    </Block>
  );
}

function Dimensions({ by, set }: { by: Dimension; set: SetExplore }) {
  return (
    <fieldset className="row explore-dimensions">
      <legend className="visually-hidden">Break down by</legend>
      {DIMENSIONS.map((dimension) => (
        <button
          key={dimension}
          type="button"
          className="button"
          aria-pressed={dimension === by}
          onClick={() => set({ by: dimension })}
        >
          {FIELD_LABELS[dimension]}
        </button>
      ))}
    </fieldset>
  );
}

function columns(by: Dimension, total: number, onFilter: OnFilter): Column<BreakdownRow>[] {
  const number = (key: string, header: string, value: (row: BreakdownRow) => number) => ({
    key,
    header,
    cell: (row: BreakdownRow) => formatNumber(value(row)),
    isNumber: true,
    sortBy: value,
  });
  return [
    {
      key: 'value',
      header: FIELD_LABELS[by],
      cell: (row) => <Value by={by} value={row[by] ?? null} onFilter={onFilter} />,
      sortBy: (row) => row[by] ?? null,
    },
    number('events', 'Events', (row) => row.event_count),
    {
      key: 'share',
      header: 'Share',
      cell: (row) => <Share percent={total ? Math.min(100, (100 * row.event_count) / total) : 0} />,
    },
    number('sessions', 'Sessions', (row) => row.sessions),
    number('users', 'Users', (row) => row.users),
  ];
}

function Value({ by, value, onFilter }: { by: Dimension; value: string | null; onFilter: OnFilter }) {
  if (!value) return <span className="muted">{value === null ? 'none' : 'empty'}</span>;
  const filter = FILTERS.find((name) => name === by);
  return filter ? <FilterButton field={filter} value={value} onFilter={onFilter} /> : value;
}

function Share({ percent }: { percent: number }) {
  return (
    <span className="explore-share">
      <span className="bar-list-track" aria-hidden="true">
        <span className="bar-list-bar" style={{ width: `${percent}%`, background: 'var(--chart-1)' }} />
      </span>
      <span className="explore-share-number">{formatPercent(percent)}</span>
    </span>
  );
}
