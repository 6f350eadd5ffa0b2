import { type Column, DataTable } from '../ui/data-table';
import { formatDuration } from '../ui/format';
import { Moment } from '../ui/moment';
import { QueryView } from '../ui/query-view';
import { CodeBlock } from './code-block';
import { RunBadge } from './run-badge';
import { facts, type JobRun } from './runs';
import { MOST_RUNS, useJobHistory } from './use-job-history';
import './operations-table.css';

const COLUMNS: Column<JobRun>[] = [
  { key: 'requested', header: 'In line since', cell: (run) => <Moment at={run.requested_at} /> },
  { key: 'status', header: 'Status', cell: (run) => <RunBadge status={run.status} /> },
  { key: 'why', header: 'Why', cell: (run) => (run.scheduled_for ? 'its time had come' : 'asked for') },
  { key: 'took', header: 'Took', cell: ({ seconds }) => (seconds == null ? '–' : formatDuration(seconds)) },
  { key: 'attempts', header: 'Tries', isNumber: true, cell: (run) => run.attempts },
  {
    key: 'outcome',
    header: 'Result',
    cell: ({ error, result }) =>
      error ? (
        <div className="wide-cell failure">{error}</div>
      ) : (
        <div className="wide-cell">{facts(result) || '–'}</div>
      ),
  },
];

/** The newest runs of a job, each with all that is known about it. */
export function JobHistory({ name }: { name: string }) {
  return (
    <QueryView query={useJobHistory(name)} what="the history">
      {({ runs }) => (
        <DataTable
          caption={runs.length < MOST_RUNS ? 'All runs, the newest first' : `The newest ${MOST_RUNS} runs`}
          columns={COLUMNS}
          rows={runs}
          rowKey={(run) => run.id}
          empty="It has not run yet."
          details={(run) => <CodeBlock label="Run" text={JSON.stringify(run, null, 2)} />}
        />
      )}
    </QueryView>
  );
}
