import { useParams } from 'react-router';
import { EventHistory } from './event-history';

/** What happened in a session, in its order. */
export default function SessionPage() {
  const { sessionId = '' } = useParams();
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
