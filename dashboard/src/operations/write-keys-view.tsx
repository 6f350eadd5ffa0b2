export default function WriteKeysView() {
  return <h2>Write keys</h2>;
}
