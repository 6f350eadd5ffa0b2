export default function ReconciliationView() {
  return <h2>Reconciliation</h2>;
}
