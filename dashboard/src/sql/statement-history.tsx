import { Moment } from '../ui/moment';
import type { History } from './use-statement-history';

interface Props {
  history: History;
  onRestore: (sql: string) => void;
}

/** Statements that were run in this tab; a press puts one into the editor. */
export function StatementHistory({ history, onRestore }: Props) {
  const { past, clear } = history;
  if (past.length === 0) return <p className="muted">What you run is kept here until you close or reload the page.</p>;
  return (
    <>
      <ol className="sql-list">
        {past.map(({ sql, at }) => (
          <li key={sql}>
            <button type="button" className="sql-past mono" onClick={() => onRestore(sql)}>
              {sql}
            </button>
            <span className="muted">
              <Moment at={new Date(at).toISOString()} withDate={false} />
            </span>
          </li>
        ))}
      </ol>
      <button type="button" className="button" onClick={clear}>
        Clear the history
      </button>
    </>
  );
}
