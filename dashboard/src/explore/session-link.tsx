import { Link } from 'react-router';
import { sessionPath } from './history';

/** The way from an event to all that its session did. */
export function SessionLink({
  event: { session_id, timestamp },
}: {
  event: { session_id: string; timestamp: string };
}) {
  return (
    <Link className="mono" to={sessionPath(session_id, { first: timestamp, last: timestamp })}>
      {session_id}
    </Link>
  );
}
