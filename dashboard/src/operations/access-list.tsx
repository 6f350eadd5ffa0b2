import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type Column, DataTable } from '../ui/data-table';
import { QueryView } from '../ui/query-view';
import { textParameter, useSearchState } from '../ui/use-search-state';
import { type Secret, ShownOnce } from './shown-once';
import './operations-table.css';

const PARAMETERS = { sort: textParameter() };

export type OnSecret = (secret: Secret) => void;

interface Props<Row> {
  title: string;
  about: string;
  query: UseQueryResult<Row[]>;
  rowKey: (row: Row) => string;
  /** Both hand on a secret that was made, which is then shown. */
  add: (onSecret: OnSecret) => ReactNode;
  columns: (onSecret: OnSecret) => readonly Column<Row>[];
}

/** All who have access in one way: a table with what can be done, and the secret that this has made. */
export function AccessList<Row>({ title, about, query, rowKey, add, columns }: Props<Row>) {
  const [{ sort }, set] = useSearchState(PARAMETERS);
  const [secret, setSecret] = useState<Secret | null>(null);
  const what = title.toLowerCase();
  return (
    <div className="stack">
      <div className="row spread">
        <h2>{title}</h2>
        {add(setSecret)}
      </div>
      <p className="muted operations-about">{about}</p>
      <QueryView query={query} what={what}>
        {(rows) => (
          <section className="card">
            <DataTable
              caption={title}
              isCaptionHidden
              columns={columns(setSecret)}
              rows={rows}
              rowKey={rowKey}
              sort={sort}
              onSort={(sort) => set({ sort })}
              empty={`There are no ${what} yet.`}
            />
          </section>
        )}
      </QueryView>
      {secret && <ShownOnce secret={secret} onClose={() => setSecret(null)} />}
    </div>
  );
}
