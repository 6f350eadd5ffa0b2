export default function ClientsView() {
  return <h2>Clients</h2>;
}
