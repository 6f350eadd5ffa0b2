export default function JobsView() {
  return <h2>Jobs</h2>;
}
