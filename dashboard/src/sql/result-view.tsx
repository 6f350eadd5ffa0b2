import { CsvButton } from '../ui/csv-button';
import { formatBytes, formatDuration, formatNumber } from '../ui/format';
import { Moment } from '../ui/moment';
import { type Look, VIEWS } from './address';
import { ResultChart } from './result-chart';
import { ResultTable } from './result-table';
import type { Answer } from './use-answer';

interface Props {
  answer: Answer;
  look: Look;
  onLook: (changes: Partial<Look>) => void;
}

/** An answer: what it took, and its rows as a table, a chart or a file. */
export function ResultView({ answer, look, onLook }: Props) {
  const { columns, results } = answer;
  const names = columns.map(({ name }) => name);
  return (
    <>
      <Facts answer={answer} />
      <div className="row">
        {VIEWS.map((view) => (
          <button
            key={view}
            type="button"
            className="button"
            aria-pressed={look.view === view}
            onClick={() => onLook({ view })}
          >
            {view === 'table' ? 'Table' : 'Chart'}
          </button>
        ))}
        <CsvButton of="the result" name={`cloudpulse-${answer.query_type}`} rows={results} columns={names} />
      </div>
      {look.view === 'table' ? (
        <ResultTable columns={columns} results={results} sort={look.sort} onSort={(sort) => onLook({ sort })} />
      ) : (
        <ResultChart columns={columns} results={results} choice={look} onChoice={onLook} />
      )}
    </>
  );
}

function Facts({ answer }: { answer: Answer }) {
  return (
    <>
      <ul className="sql-facts muted">
        {answer.query_type !== 'sql' && (
          <li>
            {answer.query_type}, {answer.date_from} to {answer.date_to}
          </li>
        )}
        <li>{rowsOf(answer)}</li>
        <li>{formatDuration(answer.execution_ms / 1000)}</li>
        <li>{answer.cached ? 'from memory' : `${formatBytes(answer.scanned_bytes)} scanned`}</li>
        <li>
          complete until <Moment at={answer.complete_until} />
        </li>
      </ul>
      {answer.truncated && <p className="sql-truncated">These are the first rows alone: the answer has more.</p>}
    </>
  );
}

/** `1 row`, `1,234 rows`. */
export function rowsOf({ rows_returned }: Answer): string {
  return rows_returned === 1 ? '1 row' : `${formatNumber(rows_returned)} rows`;
}
