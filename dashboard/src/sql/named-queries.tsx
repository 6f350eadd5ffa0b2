import { useState } from 'react';
import { DayField } from '../ui/day-field';
import type { Days } from '../ui/days';
import { QueryView } from '../ui/query-view';
import { asStatement, lastWeek } from './named';
import { useNamedQueries } from './use-named-queries';

interface Props {
  /** The days of the address; null for the last week. */
  days: Days | null;
  isRunning: boolean;
  onRun: (name: string, days: Days) => void;
  onOpen: (sql: string) => void;
}

/** Queries that somebody has written already, for the days that are chosen here. */
export function NamedQueries(props: Props) {
  const queries = useNamedQueries();
  const [days, setDays] = useState(() => props.days ?? lastWeek(Date.now()));
  const isRange = days.from <= days.to;
  return (
    <>
      <div className="sql-days">
        <DayField label="First day (UTC)" value={days.from} onChange={(from) => setDays({ ...days, from })} />
        <DayField label="Last day (UTC)" value={days.to} onChange={(to) => setDays({ ...days, to })} />
      </div>
      {!isRange && <p role="alert">The first day must not come after the last.</p>}
      <QueryView query={queries} what="named queries">
        {(list) => (
          <ul className="sql-list">
            {list.map((query) => (
              <li key={query.name}>
                <strong className="mono">{query.name}</strong>
                <span className="muted">{query.description}</span>
                <span className="row">
                  <button
                    type="button"
                    className="button"
                    disabled={props.isRunning || !isRange}
                    onClick={() => props.onRun(query.name, days)}
                  >
                    Run <span className="visually-hidden">{query.name}</span>
                  </button>
                  <button
                    type="button"
                    className="button"
                    disabled={!isRange}
                    onClick={() => props.onOpen(asStatement(query, days))}
                  >
                    Open as SQL <span className="visually-hidden">{query.name}</span>
                  </button>
                </span>
              </li>
            ))}
          </ul>
        )}
      </QueryView>
    </>
  );
}
