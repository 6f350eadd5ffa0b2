import { type Column, DataTable } from '../ui/data-table';
import { Moment } from '../ui/moment';
import { RunBadge } from './run-badge';
import { type Execution, took } from './runs';
import { MOST_EXECUTIONS } from './use-workflows';
import './operations-table.css';

interface Props {
  executions: readonly Execution[];
  onOpen: (id: string) => void;
}

/** Executions, the newest first. */
export function ExecutionTable({ executions, onOpen }: Props) {
  const columns: Column<Execution>[] = [
    { key: 'status', header: 'Status', cell: (execution) => <RunBadge status={execution.status} /> },
    { key: 'requested', header: 'Begun', cell: (execution) => <Moment at={execution.requested_at} /> },
    { key: 'workflow', header: 'Workflow', cell: (execution) => execution.workflow },
    { key: 'steps', header: 'Steps', cell: stepsDone },
    { key: 'took', header: 'Took', cell: (execution) => took(execution.requested_at, execution.finished_at) },
    { key: 'error', header: 'Error', cell: ({ error }) => <div className="wide-cell failure">{error}</div> },
    {
      key: 'actions',
      header: 'Actions',
      cell: ({ id }) => (
        <button type="button" className="button" aria-label={`Steps of ${id}`} onClick={() => onOpen(id)}>
          Steps
        </button>
      ),
    },
  ];
  return (
    <DataTable
      caption={
        executions.length < MOST_EXECUTIONS
          ? 'All executions, the newest first'
          : `The newest ${MOST_EXECUTIONS} executions`
      }
      columns={columns}
      rows={executions}
      rowKey={(execution) => execution.id}
      empty="No executions."
    />
  );
}

function stepsDone({ steps }: Execution): string {
  return `${steps.filter(({ status }) => status === 'done').length} of ${steps.length} done`;
}
