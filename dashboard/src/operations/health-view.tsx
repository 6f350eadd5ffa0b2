export default function HealthView() {
  return <h2>Health</h2>;
}
