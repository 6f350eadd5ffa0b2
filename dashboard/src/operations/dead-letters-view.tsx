export default function DeadLettersView() {
  return <h2>Dead letters</h2>;
}
