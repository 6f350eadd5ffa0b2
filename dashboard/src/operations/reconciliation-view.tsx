import { ConfirmButton } from '../ui/confirm-button';
import { QueryView } from '../ui/query-view';
import { Select } from '../ui/select';
import { Failed } from '../ui/states';
import { choice, textParameter, useSearchState } from '../ui/use-search-state';
import { RECONCILE, ReconcileRun } from './reconcile-run';
import { NewestReport, ReportTable } from './reconciliation-reports';
import { useReconciliation } from './use-reconciliation';
import { useRunJob } from './use-run-job';
import './reconciliation-view.css';

const LIMITS = [10, 50, 200] as const;
const PARAMETERS = { run: textParameter(), limit: choice(LIMITS, 10) };

/** Whether live counters, silver and ledger agree, and what to do when they do not. */
export default function ReconciliationView() {
  const [{ run, limit }, set] = useSearchState(PARAMETERS);
  const reports = useReconciliation(limit);
  const compare = useRunJob();
  const repair = useRunJob();
  const follow = ({ id }: { id: string }) => set({ run: id });
  return (
    <div className="stack">
      <div className="row spread">
        <h2>Reconciliation</h2>
        <div className="row">
          <button
            type="button"
            className="button button-primary"
            disabled={compare.isPending}
            onClick={() => compare.mutate({ name: RECONCILE, args: { repair: false } }, { onSuccess: follow })}
          >
            Compare now
          </button>
          <ConfirmButton
            label="Repair"
            title="Repair what differs?"
            confirmLabel="Compare and repair"
            action={async () => follow(await repair.mutateAsync({ name: RECONCILE, args: { repair: true } }))}
          >
            <p>
              Everything is read and compared. Where there are differences, silver is rebuilt from bronze, and the live
              counters from both. No event is lost; it may take minutes.
            </p>
          </ConfirmButton>
        </div>
      </div>
      <p className="muted operations-about">
        The live counters, silver (the stored events) and the ledger must tell the same about every minute.
      </p>
      {compare.error && <Failed error={compare.error} />}
      {run && <ReconcileRun key={run} id={run} onDismiss={() => set({ run: '' })} />}
      <QueryView query={reports} what="reports">
        {(all) => (
          <>
            <section className="card stack" aria-label="Newest report">
              <NewestReport report={all[0]} />
            </section>
            <section className="card stack" aria-labelledby="reports">
              <div className="row spread">
                <h3 id="reports">All reports</h3>
                <Select label="Newest" isInline value={limit} values={LIMITS} onChange={(limit) => set({ limit })} />
              </div>
              <ReportTable reports={all} />
            </section>
          </>
        )}
      </QueryView>
    </div>
  );
}
