import { type Column, DataTable } from '../ui/data-table';
import { Moment } from '../ui/moment';
import { QueryView } from '../ui/query-view';
import type { JobRun } from './runs';
import { useJobHistory } from './use-job-history';

const JOB = 'erase';

interface Begun {
  id: string;
  kind: string;
  subject: string;
  at: string;
}

/** The newest erasures, as the runs of their job tell. */
export function ErasureTable({ onOpen }: { onOpen: (id: string) => void }) {
  return (
    <QueryView query={useJobHistory(JOB)} what="erasures">
      {({ runs }) => (
        <section className="card">
          <DataTable
            caption="Newest erasures"
            columns={columns(onOpen)}
            rows={begunBy(runs)}
            rowKey={({ id }) => id}
            empty="Nothing was erased yet."
          />
        </section>
      )}
    </QueryView>
  );
}

function columns(onOpen: (id: string) => void): Column<Begun>[] {
  return [
    { key: 'at', header: 'Asked for', cell: ({ at }) => <Moment at={at} /> },
    { key: 'kind', header: 'Of a', cell: ({ kind }) => kind },
    {
      key: 'subject',
      header: 'Hash of the id',
      cell: ({ subject }) => <span className="mono">{subject.slice(0, 12)} …</span>,
    },
    {
      key: 'open',
      header: 'Record',
      cell: ({ id }) => (
        <button type="button" className="button" onClick={() => onOpen(id)}>
          Open
        </button>
      ),
    },
  ];
}

/** Each erasure once, though several runs work on it: as its first run tells. */
function begunBy(runs: readonly JobRun[]): Begun[] {
  const erasures = runs.toReversed().map((run) => ({ ...(run.arguments as unknown as Begun), at: run.requested_at }));
  return erasures.filter(({ id }, index) => erasures.findIndex((one) => one.id === id) === index).toReversed();
}
