import { useParams } from 'react-router';
import { EventHistory } from './event-history';
import { idOf } from './history';

/** What a user did, the newest first. */
export default function UserPage() {
  const userId = idOf(useParams().userId);
  return <EventHistory key={userId} title="User" id={userId} subject={{ user_id: userId }} initialSort="-time" />;
}
