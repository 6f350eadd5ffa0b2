import { formatNumber } from '../ui/format';
import '../ui/chart/chart.css';
import { type Ledger, PLACES, sumOf } from './ledger';

/** What was accepted = the sum of all places, term by term, and as shares of a bar. */
export function LedgerEquation({ ledger }: { ledger: Ledger }) {
  const sum = sumOf(ledger);
  const missing = ledger.accepted - sum;
  return (
    <>
      <dl className="ledger">
        <div className="ledger-term ledger-accepted">
          <dt>Accepted</dt>
          <dd className="ledger-number">{formatNumber(ledger.accepted)}</dd>
        </div>
        {PLACES.map(({ key, label, meaning, color }, index) => (
          <div key={key} className={ledger[key] === 0 ? 'ledger-term ledger-none' : 'ledger-term'}>
            <span className="ledger-operator" aria-hidden="true">
              {index === 0 ? (missing === 0 ? '=' : '≠') : '+'}
            </span>
            <dt>
              <span className="chart-dot" style={{ background: color }} />
              {label}
            </dt>
            <dd className="ledger-number">{formatNumber(ledger[key])}</dd>
            <dd className="muted">{meaning}</dd>
          </div>
        ))}
      </dl>
      <div className="ledger-bar" aria-hidden="true">
        {PLACES.filter(({ key }) => ledger[key] > 0).map(({ key, label, color }) => (
          <span key={key} title={label} style={{ flexGrow: ledger[key], background: color }} />
        ))}
        {missing > 0 && <span className="ledger-hole" title="Nowhere" style={{ flexGrow: missing }} />}
      </div>
      <p className="operations-about">
        In all places: <strong>{formatNumber(sum)}</strong>
        {missing > 0 && <span className="ledger-wrong"> · {formatNumber(missing)} are nowhere</span>}
        {missing < 0 && <span className="ledger-wrong"> · {formatNumber(-missing)} too many</span>}
      </p>
    </>
  );
}
