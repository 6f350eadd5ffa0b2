import { useMemo } from 'react';
import { DataTable, type Column as TableColumn } from '../ui/data-table';
import { Json } from '../ui/json';
import { Moment } from '../ui/moment';
import { type Column, kindOf, type Row, textOf } from './columns';

const PAGE_ROWS = 100;

interface Numbered {
  index: number;
  values: Row;
}

interface Props {
  columns: readonly Column[];
  results: readonly Row[];
  sort: string;
  onSort: (sort: string) => void;
}

/** The rows of an answer, page by page, each with all of its values. */
export function ResultTable({ columns, results, sort, onSort }: Props) {
  const rows = useMemo(() => results.map((values, index) => ({ index, values })), [results]);
  const shown = useMemo(() => columns.map(shownColumn), [columns]);
  return (
    <DataTable
      caption="Rows of the result"
      isCaptionHidden
      columns={shown}
      rows={rows}
      rowKey={(row) => row.index}
      empty="The answer has no rows."
      details={(row) => <Json value={row.values} />}
      sort={sort}
      onSort={onSort}
      pageRows={PAGE_ROWS}
    />
  );
}

function shownColumn(column: Column, index: number): TableColumn<Numbered> {
  const { name } = column;
  return {
    // A name may begin with the minus that stands for the other direction.
    key: String(index),
    header: name,
    isNumber: kindOf(column) === 'number',
    cell: ({ values }) => <Cell value={values[name]} column={column} />,
    sortBy: ({ values }) => sortable(values[name]),
  };
}

function Cell({ value, column }: { value: unknown; column: Column }) {
  if (value === null) return <span className="sql-null">null</span>;
  if (column.type === 'TIMESTAMP WITH TIME ZONE' && typeof value === 'string' && Date.parse(value)) {
    return <Moment at={value} />;
  }
  return <span className={kindOf(column) === 'object' ? 'sql-cell mono' : 'sql-cell'}>{textOf(value)}</span>;
}

function sortable(value: unknown): string | number | null {
  return value === null || typeof value === 'number' ? value : textOf(value);
}
