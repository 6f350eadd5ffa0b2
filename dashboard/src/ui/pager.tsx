import { formatNumber } from './format';

interface Props {
  /** What is paged through. */
  of: string;
  total: number;
  /** The first row that is shown, from 0. */
  first: number;
  pageRows: number;
  onFirst: (first: number) => void;
}

/** Where one is in many rows, and the way to those before and after. */
export function Pager({ of, total, first, pageRows, onFirst }: Props) {
  const end = Math.min(first + pageRows, total);
  return (
    <nav className="row" aria-label={`Pages: ${of}`}>
      <button type="button" className="button" disabled={first === 0} onClick={() => onFirst(first - pageRows)}>
        Previous
      </button>
      <button type="button" className="button" disabled={end === total} onClick={() => onFirst(first + pageRows)}>
        Next
      </button>
      <span className="muted" role="status">
        Rows {formatNumber(first + 1)} to {formatNumber(end)} of {formatNumber(total)}
      </span>
    </nav>
  );
}
