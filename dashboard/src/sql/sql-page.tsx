import { type ReactNode, useState } from 'react';
import { ApiError } from '../api/client';
import { Forbidden } from '../ui/states';
import { type SetSearchState, useSearchState } from '../ui/use-search-state';
import { type Address, addressOf, daysOf, isLong, lookOf, lookParameters, PARAMETERS, questionOf } from './address';
import type { Table } from './completion';
import { NamedQueries } from './named-queries';
import { ResultSection } from './result-section';
import { StatementCard } from './statement-card';
import { StatementHistory } from './statement-history';
import { TableList } from './table-list';
import { isSame, type Question, useAnswer } from './use-answer';
import { useSqlSchema } from './use-sql-schema';
import { useStatement } from './use-statement';
import { useStatementHistory } from './use-statement-history';
import './sql-page.css';

const NO_TABLES: readonly Table[] = [];
const FIRST_STATEMENT = `SELECT event_type, count(*) AS event_count
FROM events
WHERE timestamp > now() - INTERVAL 1 DAY
GROUP BY event_type
ORDER BY event_count DESC`;

/** Questions to the lake in SQL. */
export default function SqlPage() {
  const [address, set] = useSearchState(PARAMETERS);
  const { question, asking, ask } = useQuestion(address, set);
  const history = useStatementHistory();
  const schema = useSqlSchema();
  const statement = useStatement(address.sql, history.past[0]?.sql ?? FIRST_STATEMENT);
  const [rows, setRows] = useState(address.rows);
  const run = (sql: string) => {
    statement.onRun(sql);
    history.add(sql);
    ask({ sql, limit: rows });
  };
  if (schema.error instanceof ApiError && schema.error.status === 403) return <Forbidden />;
  return (
    <div className="stack">
      <h1>SQL</h1>
      <div className="sql-columns">
        <div className="stack">
          <StatementCard
            statement={statement}
            tables={schema.data ?? NO_TABLES}
            rows={rows}
            asking={asking}
            onRows={setRows}
            onRun={run}
          />
          <ResultSection
            question={question}
            asking={asking}
            look={lookOf(address)}
            onLook={(changes) => set(lookParameters(changes))}
            onAsk={ask}
          />
        </div>
        <aside className="stack" aria-label="Statements and tables">
          <Fold title="Named queries" isOpen>
            <NamedQueries
              days={daysOf(address)}
              isRunning={asking.query.isFetching}
              onRun={(named, days) => ask({ named, ...days, limit: rows })}
              onOpen={statement.restore}
            />
          </Fold>
          <Fold title="History">
            <StatementHistory history={history} onRestore={statement.restore} />
          </Fold>
          <Fold title="Tables">
            <TableList schema={schema} />
          </Fold>
        </aside>
      </div>
    </div>
  );
}

/** The question that stands in the address, or is too long to, and how another one is asked. */
function useQuestion(address: Address, set: SetSearchState<typeof PARAMETERS>) {
  const [long, setLong] = useState('');
  const question = questionOf({ ...address, sql: address.sql || long });
  const asking = useAnswer(question);
  const ask = (asked: Question) => {
    const tooLong = 'sql' in asked && isLong(asked.sql);
    setLong(tooLong ? asked.sql : '');
    if (!isSame(asked, question)) set({ ...addressOf(asked), ...(tooLong && { sql: '' }) });
    asking.ask(asked);
  };
  return { question, asking, ask };
}

function Fold({ title, isOpen = false, children }: { title: string; isOpen?: boolean; children: ReactNode }) {
  return (
    <details className="card sql-fold" open={isOpen}>
      <summary>{title}</summary>
      <div className="stack">{children}</div>
    </details>
  );
}
