export default function UsersView() {
  return <h2>Users</h2>;
}
