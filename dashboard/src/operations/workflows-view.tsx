import { QueryView } from '../ui/query-view';
import { choice, textParameter, useSearchState } from '../ui/use-search-state';
import { ExecutionDetail } from './execution-detail';
import { ExecutionTable } from './execution-table';
import { Opened } from './opened';
import { useWorkflows } from './use-workflows';

const STATUSES = ['waiting', 'running', 'done', 'failed'] as const;
const PARAMETERS = { status: choice(['', ...STATUSES], ''), execution: textParameter() };

/** Executions of workflows, and their steps. */
export default function WorkflowsView() {
  const [{ status, execution }, set] = useSearchState(PARAMETERS);
  const workflows = useWorkflows(status || undefined);
  return (
    <div className="stack">
      <div className="row spread">
        <h2>Workflows</h2>
        <label className="field">
          <span>Status</span>
          <select value={status} onChange={(event) => set({ status: event.target.value as typeof status })}>
            <option value="">All</option>
            {STATUSES.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
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
