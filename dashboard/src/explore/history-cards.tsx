import { Link } from 'react-router';
import { formatDuration, formatNumber } from '../ui/format';
import { Moment } from '../ui/moment';
import { StatCard, StatCards } from '../ui/stat-card';
import { userPath } from './history';
import type { ListedEvent } from './use-event-history';

/** What events, the oldest first, have in common; `isWhole` says that no older ones are missing. */
export function HistoryCards({ events, isWhole }: { events: readonly ListedEvent[]; isWhole: boolean }) {
  const [first, last] = [events[0], events.at(-1)];
  if (!first || !last) return null;
  const seconds = (Date.parse(last.timestamp) - Date.parse(first.timestamp)) / 1000;
  const orMore = isWhole ? '' : ' or more';
  const userIds = distinct(events.map((event) => event.user_id));
  const sessionIds = distinct(events.map((event) => event.session_id));
  return (
    <StatCards label="Numbers of these events">
      <StatCard label="Events" value={formatNumber(events.length) + orMore} />
      <StatCard label="First seen" value={<CardMoment at={first.timestamp} />} detail={!isWhole && 'of those loaded'} />
      <StatCard label="Last seen" value={<CardMoment at={last.timestamp} />} />
      <StatCard label="Duration" value={formatDuration(seconds) + orMore} />
      {sessionIds.length > 1 && <StatCard label="Sessions" value={formatNumber(sessionIds.length) + orMore} />}
      {sessionIds.length === 1 && <StatCard label="User" value={<Users ids={userIds} />} />}
    </StatCards>
  );
}

function CardMoment({ at }: { at: string }) {
  return (
    <span className="history-moment">
      <Moment at={at} />
    </span>
  );
}

function Users({ ids }: { ids: readonly string[] }) {
  if (ids.length === 0) return 'nobody known';
  return (
    <span className="row history-moment">
      {ids.map((id) => (
        <Link key={id} to={userPath(id)}>
          {id}
        </Link>
      ))}
    </span>
  );
}

function distinct(ids: readonly (string | null)[]): string[] {
  return [...new Set(ids)].filter((id) => id !== null);
}
