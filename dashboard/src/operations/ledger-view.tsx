export default function LedgerView() {
  return <h2>Ledger</h2>;
}
