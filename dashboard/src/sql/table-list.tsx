import type { UseQueryResult } from '@tanstack/react-query';
import { QueryView } from '../ui/query-view';
import type { Table } from './completion';

/** The tables that a statement can read, with their columns. */
export function TableList({ schema }: { schema: UseQueryResult<Table[]> }) {
  return (
    <QueryView query={schema} what="tables">
      {(tables) => (
        <ul className="sql-list">
          {tables.map((table) => (
            <li key={table.name}>
              <strong className="mono">{table.name}</strong>
              <ul className="sql-columns-of" aria-label={`Columns of ${table.name}`}>
                {table.columns.map(({ name, type }) => (
                  <li key={name} className="mono">
                    {name} <span className="muted">{type.toLowerCase()}</span>
                  </li>
                ))}
              </ul>
            </li>
          ))}
        </ul>
      )}
    </QueryView>
  );
}
