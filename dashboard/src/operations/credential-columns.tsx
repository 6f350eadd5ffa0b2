/** What clients and write keys have in common in their tables. */

import type { Column } from '../ui/data-table';
import { formatNumber } from '../ui/format';
import { Moment } from '../ui/moment';
import type { Client } from './use-clients';

type Credential = Pick<Client, 'name' | 'app' | 'requests_per_minute' | 'created_at' | 'previous_expires_at'>;

/** The name, with the id below it. */
export function nameColumn<Row extends Credential>(idOf: (row: Row) => string): Column<Row> {
  return {
    key: 'name',
    header: 'Name',
    sortBy: (row) => row.name,
    cell: (row) => (
      <>
        {row.name}
        <div className="mono muted">{idOf(row)}</div>
      </>
    ),
  };
}

export const APP: Column<Credential> = { key: 'app', header: 'App', sortBy: (row) => row.app, cell: (row) => row.app };

export const LIMIT: Column<Credential> = {
  key: 'limit',
  header: 'Limit',
  isNumber: true,
  sortBy: (row) => row.requests_per_minute,
  cell: ({ requests_per_minute: limit }) => (limit === null ? 'none' : `${formatNumber(limit)} a minute`),
};

/** When the secret was made, and until when the one before is valid. */
export const MADE: Column<Credential> = {
  key: 'made',
  header: 'Secret made',
  sortBy: (row) => Date.parse(row.created_at),
  cell: (row) => (
    <>
      <Moment at={row.created_at} />
      {row.previous_expires_at && (
        <div className="muted">
          The one before ends
          <br />
          <Moment at={row.previous_expires_at} />
        </div>
      )}
    </>
  ),
};

/** Each on a line of its own. */
export function Lines({ of }: { of: readonly string[] }) {
  return of.map((line) => <div key={line}>{line}</div>);
}

/** Until when the secret before a rotation is valid, in a sentence. */
export function PreviousEnds({ at }: { at: string | null }) {
  if (at === null) return 'The one before has ended.';
  return (
    <>
      The one before stays valid until <Moment at={at} />.
    </>
  );
}
