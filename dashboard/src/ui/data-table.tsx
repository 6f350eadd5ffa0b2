import { Fragment, type ReactNode, useId, useMemo, useState } from 'react';
import { Pager } from './pager';
import { Empty } from './states';
import './data-table.css';

export interface Column<Row> {
  key: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** Numbers stand right-aligned, digit below digit. */
  isNumber?: boolean;
  /** With it the column can be sorted; null stands last. */
  sortBy?: (row: Row) => string | number | null;
}

interface Props<Row> {
  caption: string;
  /** The caption is for screen readers alone, for example below a heading that says the same. */
  isCaptionHidden?: boolean;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row, index: number) => string | number;
  /** What stands in the place of rows when there are none. */
  empty?: ReactNode;
  /** More about a row, which can be opened below it. */
  details?: (row: Row) => ReactNode;
  /** The key of the column that is sorted by, with `-` before it: the largest first. Without `onSort` where it begins. */
  sort?: string;
  onSort?: (sort: string) => void;
  /** With it the table shows so many rows at a time: thousands at once would hold up the page. */
  pageRows?: number;
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** A table of rows, which scrolls sideways inside its frame. */
export function DataTable<Row>(props: Props<Row>) {
  const { caption, columns, rows, rowKey, details, pageRows = Number.POSITIVE_INFINITY } = props;
  const [ownSort, setOwnSort] = useState(props.sort ?? '');
  const [first, setFirst] = useState(0);
  const sort = props.onSort ? (props.sort ?? '') : ownSort;
  const onSort = (next: string) => {
    setFirst(0);
    (props.onSort ?? setOwnSort)(next);
  };
  const inOrder = useMemo(() => sorted(rows, columns, sort), [rows, columns, sort]);
  if (rows.length === 0 && props.empty) return <Empty>{props.empty}</Empty>;
  // There may be fewer rows than before.
  const start = first < rows.length ? first : 0;
  const frame = (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section className="table-frame" aria-label={caption} tabIndex={0}>
      <table className="data-table">
        <caption className={props.isCaptionHidden ? 'visually-hidden' : undefined}>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Header key={column.key} column={column} sort={sort} onSort={onSort} />
            ))}
            {details && (
              <th scope="col">
                <span className="visually-hidden">Details</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {inOrder.slice(start, start + pageRows).map((row, index) => (
            <TableRow key={rowKey(row, index)} row={row} columns={columns} details={details} />
          ))}
        </tbody>
      </table>
    </section>
  );
  if (rows.length <= pageRows) return frame;
  return (
    <>
      {frame}
      <Pager of={caption} total={rows.length} first={start} pageRows={pageRows} onFirst={setFirst} />
    </>
  );
}

function Header<Row>(props: { column: Column<Row>; sort: string; onSort: (sort: string) => void }) {
  const { key, header, isNumber, sortBy } = props.column;
  const className = isNumber ? 'number' : undefined;
  if (!sortBy) {
    return (
      <th scope="col" className={className}>
        {header}
      </th>
    );
  }
  const direction = props.sort === key ? 'ascending' : props.sort === `-${key}` ? 'descending' : 'none';
  // The first press shows what is asked for most: the largest number, the first word.
  const next = direction === 'none' ? (isNumber ? `-${key}` : key) : direction === 'ascending' ? `-${key}` : key;
  return (
    <th scope="col" className={className} aria-sort={direction}>
      <button type="button" className="data-table-sort" onClick={() => props.onSort(next)}>
        {header} <span aria-hidden="true">{{ ascending: '▲', descending: '▼', none: '↕' }[direction]}</span>
      </button>
    </th>
  );
}

function TableRow<Row>(props: { row: Row; columns: readonly Column<Row>[]; details?: (row: Row) => ReactNode }) {
  const { row, columns, details } = props;
  const [isOpen, setIsOpen] = useState(false);
  const id = useId();
  return (
    <Fragment>
      <tr>
        {columns.map((column) => (
          <td key={column.key} className={column.isNumber ? 'number' : undefined}>
            {column.cell(row)}
          </td>
        ))}
        {details && (
          <td>
            <button
              type="button"
              className="data-table-open"
              aria-expanded={isOpen}
              aria-controls={id}
              onClick={() => setIsOpen(!isOpen)}
            >
              {isOpen ? 'Less' : 'More'}
            </button>
          </td>
        )}
      </tr>
      {details && isOpen && (
        <tr id={id}>
          <td colSpan={columns.length + 1} className="data-table-details">
            <div className="data-table-more">{details(row)}</div>
          </td>
        </tr>
      )}
    </Fragment>
  );
}

function sorted<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sort: string): readonly Row[] {
  const sortBy = columns.find((column) => column.key === sort.replace(/^-/, ''))?.sortBy;
  if (!sortBy) return rows;
  const sign = sort.startsWith('-') ? -1 : 1;
  return rows.toSorted((one, other) => compare(sortBy(one), sortBy(other), sign));
}

function compare(one: string | number | null, other: string | number | null, sign: number): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  if (typeof one === 'number' && typeof other === 'number') return sign * (one - other);
  return sign * collator.compare(String(one), String(other));
}
