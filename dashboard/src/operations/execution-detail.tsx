import { ConfirmButton } from '../ui/confirm-button';
import { type Column, DataTable } from '../ui/data-table';
import { Moment } from '../ui/moment';
import { QueryView } from '../ui/query-view';
import { CodeBlock } from './code-block';
import { RunBadge } from './run-badge';
import { type Execution, facts, type StepRun, took } from './runs';
import { useExecution } from './use-execution';
import { useRetryExecution } from './use-retry-execution';
import './operations-table.css';

const COLUMNS: Column<StepRun>[] = [
  { key: 'step', header: 'Step', cell: (step) => step.name },
  { key: 'status', header: 'Status', cell: (step) => <RunBadge status={step.status} /> },
  { key: 'started', header: 'Begun', cell: ({ started_at }) => (started_at ? <Moment at={started_at} /> : '–') },
  { key: 'took', header: 'Took', cell: (step) => took(step.started_at, step.finished_at) },
  { key: 'attempts', header: 'Tries', isNumber: true, cell: (step) => step.attempts },
  { key: 'output', header: 'Result', cell: (step) => <Outcome step={step} /> },
];

/** An execution with its steps, followed until it ends. */
export function ExecutionDetail({ id }: { id: string }) {
  return (
    <QueryView query={useExecution(id)} what="the execution">
      {(execution) => (
        <>
          <div className="row spread">
            <div className="row" role="status">
              <RunBadge status={execution.status} />
              <span className="mono">{execution.id}</span>
              {execution.retries > 0 && <span className="muted">taken up again: {execution.retries}</span>}
            </div>
            {execution.status === 'failed' && <Retry execution={execution} />}
          </div>
          <DataTable
            caption="Steps"
            isCaptionHidden
            columns={COLUMNS}
            rows={execution.steps}
            rowKey={(step) => step.name}
            details={(step) => <CodeBlock label="Step" text={JSON.stringify(step, null, 2)} />}
          />
        </>
      )}
    </QueryView>
  );
}

function Retry({ execution: { id, error } }: { execution: Execution }) {
  const retry = useRetryExecution();
  return (
    <ConfirmButton label="Retry" title="Take this execution up again?" action={() => retry.mutateAsync(id)}>
      It goes on from the step that failed. {error}
    </ConfirmButton>
  );
}

function Outcome({ step: { errors, output } }: { step: StepRun }) {
  return (
    <div className="wide-cell">
      {facts(output) || (errors.length === 0 && '–')}
      {errors.length > 0 && (
        <ul className="failure">
          {errors.map((error, index) => (
            <li key={index}>{error}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
