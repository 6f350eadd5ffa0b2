import { Badge } from '../ui/badge';
import { formatNumber } from '../ui/format';
import { Moment } from '../ui/moment';
import { QueryView } from '../ui/query-view';
import { flagParameter, useSearchState } from '../ui/use-search-state';
import type { LedgerReport } from './ledger';
import { LedgerEquation } from './ledger-equation';
import { Prose } from './prose';
import { useLedger } from './use-ledger';
import './ledger-view.css';

const PARAMETERS = { deep: flagParameter() };

/** Whether every accepted event is in exactly one place. */
export default function LedgerView() {
  const [{ deep }, set] = useSearchState(PARAMETERS);
  const ledger = useLedger(deep);
  return (
    <div className="stack">
      <div className="row spread">
        <h2>Ledger</h2>
        <div className="row">
          <label className="row">
            <input type="checkbox" checked={deep} onChange={(event) => set({ deep: event.target.checked })} />
            Read all files and ids
          </label>
          <button type="button" className="button" disabled={ledger.isFetching} onClick={() => void ledger.refetch()}>
            {ledger.isFetching ? 'Checking …' : 'Check again'}
          </button>
        </div>
      </div>
      <p className="muted operations-about">Every event that was accepted is in exactly one place.</p>
      <QueryView query={ledger} what="the ledger">
        {(report) => (
          <section className="card stack" aria-label="The ledger">
            <Verdict report={report} />
            <LedgerEquation ledger={report.ledger} />
            <Facts report={report} checkedAt={ledger.dataUpdatedAt} />
          </section>
        )}
      </QueryView>
    </div>
  );
}

function Verdict({ report }: { report: LedgerReport }) {
  if (report.ok) {
    return (
      <p className="operations-about">
        <Badge tone="good">It adds up</Badge>
      </p>
    );
  }
  return (
    <div className="ledger-gaps" role="alert">
      <strong>It does not add up.</strong>
      <ul>
        {report.gaps.map((gap) => (
          <li key={gap}>
            <Prose text={gap} />
          </li>
        ))}
      </ul>
      <p>
        Check again first: the numbers may have moved while they were read. When it stays, run{' '}
        <code>cloudpulse verify --deep</code> on the server, which says what is missing where.
      </p>
    </div>
  );
}

function Facts({ report, checkedAt }: { report: LedgerReport; checkedAt: number }) {
  return (
    <dl className="ledger-facts">
      <dt>Checked</dt>
      <dd>
        <Moment at={new Date(checkedAt).toISOString()} />, {report.deep ? 'with all files and ids' : 'by the totals'}
      </dd>
      <dt>Journal</dt>
      <dd className="mono">{report.journal}</dd>
      <dt>Last batch accepted</dt>
      <dd>{formatNumber(report.head)}</dd>
      <dt>Last batch in the lake</dt>
      <dd>{formatNumber(report.lake_position)}</dd>
      {report.unlisted !== 0 && (
        <>
          <dt>Not in the list of bronze</dt>
          <dd className="ledger-wrong">{formatNumber(report.unlisted)} events</dd>
        </>
      )}
    </dl>
  );
}
