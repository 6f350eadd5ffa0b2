import { QueryView } from '../ui/query-view';
import { Select } from '../ui/select';
import { choice, textParameter, useSearchState } from '../ui/use-search-state';
import { ExecutionDetail } from './execution-detail';
import { ExecutionTable } from './execution-table';
import { Opened } from './opened';
import { useWorkflows } from './use-workflows';

const STATUSES = ['', 'waiting', 'running', 'done', 'failed'] as const;
const PARAMETERS = { status: choice(STATUSES, ''), execution: textParameter() };

/** Executions of workflows, and their steps. */
export default function WorkflowsView() {
  const [{ status, execution }, set] = useSearchState(PARAMETERS);
  const workflows = useWorkflows(status || undefined);
  return (
    <div className="stack">
      <div className="row spread">
        <h2>Workflows</h2>
        <Select
          label="Status"
          value={status}
          values={STATUSES}
          nameOf={(one) => one || 'All'}
          onChange={(status) => set({ status })}
        />
      </div>
      <QueryView query={workflows} what="workflows">
        {({ executions }) => (
          <section className="card">
            <ExecutionTable executions={executions} onOpen={(id) => set({ execution: id })} />
          </section>
        )}
      </QueryView>
      {execution && (
        <Opened key={execution} title="One execution" onClose={() => set({ execution: '' })}>
          <ExecutionDetail id={execution} />
        </Opened>
      )}
    </div>
  );
}
