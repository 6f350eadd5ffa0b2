export default function AlarmsView() {
  return <h2>Alarms</h2>;
}
