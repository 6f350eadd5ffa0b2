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
  const more = isWhole ? '' : '+';
  const ofLoaded = !isWhole && 'of those loaded';
  const userIds = distinct(events.map((event) => event.user_id));
  const sessionIds = distinct(events.map((event) => event.session_id));
  return (
    <StatCards label="Numbers of these events">
      <StatCard label="Events" value={formatNumber(events.length) + more} />
      <StatCard label="First seen" value={<CardMoment at={first.timestamp} />} detail={ofLoaded} />
      <StatCard label="Last seen" value={<CardMoment at={last.timestamp} />} />
      {sessionIds.length > 1 ? (
        <StatCard label="Sessions" value={formatNumber(sessionIds.length) + more} />
      ) : (
        <>
          <StatCard label="Duration" value={formatDuration(seconds)} detail={ofLoaded} />
          <StatCard label="User" value={<Users ids={userIds} />} />
        </>
      )}
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
  if (ids.length === 0) return '–';
  return (
    <span className="history-moment">
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
