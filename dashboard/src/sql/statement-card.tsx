import { useState } from 'react';
import { ApiError } from '../api/client';
import { formatDuration, formatNumber } from '../ui/format';
import { Select } from '../ui/select';
import { Alert, Forbidden } from '../ui/states';
import { useNow } from '../ui/use-now';
import { type Address, ROWS } from './address';
import type { Table } from './completion';
import { KEYS } from './editor';
import { rowsOf } from './result-view';
import { SqlEditor } from './sql-editor';
import type { Asking } from './use-answer';
import type { Statement } from './use-statement';

type Rows = Address['rows'];

interface Props {
  statement: Statement;
  tables: readonly Table[];
  /** How many rows of an answer are wanted at most. */
  rows: Rows;
  asking: Asking;
  onRows: (rows: Rows) => void;
  onRun: (text: string) => void;
}

/** The editor, what is done with a statement, and what the server said about it. */
export function StatementCard({ statement, tables, rows, asking, onRows, onRun }: Props) {
  const { error, isFetching } = asking.query;
  const refusal = isFetching ? null : error;
  const run = (sql: string) => {
    if (!isFetching && sql.trim()) onRun(sql);
  };
  return (
    <section className="card stack" aria-label="Statement">
      <SqlEditor
        put={statement.put}
        tables={tables}
        error={refusal?.message ?? null}
        onChange={statement.onType}
        onRun={run}
      />
      {refusal && <Refusal error={refusal} />}
      <div className="row">
        <button
          type="button"
          className="button button-primary"
          disabled={isFetching || !statement.text.trim()}
          onClick={() => run(statement.text)}
        >
          Run
        </button>
        <button type="button" className="button" disabled={!isFetching} onClick={asking.cancel}>
          Cancel
        </button>
        <Select label="Rows at most" isInline value={rows} values={ROWS} nameOf={formatNumber} onChange={onRows} />
        <span className="muted" role="status">
          {outcomeOf(asking)}
        </span>
        {isFetching && <Elapsed />}
      </div>
      <p className="muted sql-note">{KEYS}</p>
    </section>
  );
}

function outcomeOf({ query, isCancelled }: Asking): string {
  if (query.isFetching) return 'Running.';
  if (isCancelled) return 'Cancelled.';
  return query.data && !query.error ? `Done: ${rowsOf(query.data)}.` : '';
}

function Refusal({ error }: { error: Error }) {
  if (error instanceof ApiError && error.status === 403) return <Forbidden />;
  const isUnreachable = error instanceof ApiError && error.status === 0;
  return (
    <Alert>
      {isUnreachable ? 'The server cannot be reached. Run the statement again in a moment.' : error.message}
    </Alert>
  );
}

function Elapsed() {
  const [began] = useState(Date.now);
  return <span className="muted number">{formatDuration(Math.max(0, Math.round((useNow() - began) / 1000)))}</span>;
}
