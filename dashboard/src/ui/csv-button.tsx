import { downloadCsv } from './csv';

interface Props<Row> {
  /** What is in the file, for screen readers: there may be several such buttons. */
  of: string;
  /** The name of the file without its ending. */
  name: string;
  rows: readonly Row[];
  /** How the rows stand in the file, where that is not as they are. */
  shape?: (rows: readonly Row[]) => readonly object[];
  columns?: string[];
}

/** Saves rows as a file. */
export function CsvButton<Row extends object>({ of, name, rows, shape = (same) => same, columns }: Props<Row>) {
  return (
    <button
      type="button"
      className="button"
      aria-label={`CSV of ${of}`}
      disabled={rows.length === 0}
      onClick={() => downloadCsv(`${name}.csv`, shape(rows), columns)}
    >
      CSV
    </button>
  );
}
