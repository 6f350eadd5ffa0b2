import { useParams } from 'react-router';
import { EventHistory } from './event-history';
import { idOf } from './history';

/** What happened in a session, in its order. */
export default function SessionPage() {
  const sessionId = idOf(useParams().sessionId);
  return (
    <EventHistory
      key={sessionId}
      title="Session"
      id={sessionId}
      subject={{ session_id: sessionId }}
      initialSort="time"
    />
  );
}
