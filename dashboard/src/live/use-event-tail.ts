import { type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import { useFollow } from '../api/use-follow';
import { MOST_ROWS, matches, merge, type TailEvent, type TailFilter } from './tail';

const FIRST_ROWS = 50;
/** The server lists events of any app and text: among so many those that are wanted are looked for. */
const SEARCHED_ROWS = 500;
const POLL_MS = 2_000;
/** Events that come within this time are shown at once: a screen needs no more. */
const GATHER_MS = 250;

interface Tail {
  /** The events that there were; those that come are shown without them too. */
  query: UseQueryResult<TailEvent[]>;
  events: readonly TailEvent[];
  isPolling: boolean;
  /** Some events were left out: they came too fast, or while the page could not be seen. */
  hasGap: boolean;
}

/** The newest events that match: those there are, then as they come; asked for again and again without a stream. */
export function useEventTail(filter: TailFilter): Tail {
  const api = useApi();
  const queries = useQueryClient();
  const [hasGap, setHasGap] = useState(false);
  const [streamed, setStreamed] = useState<readonly TailEvent[]>([]);
  const queryKey = ['tail', filter];
  const add = (known: readonly TailEvent[], events: readonly TailEvent[]) =>
    merge(
      known,
      events.filter((event) => matches(event, filter)),
    );

  const gather = useGathered((events) => setStreamed((known) => add(known, events)));
  const { state } = useFollow(
    `/v1/events/stream?${streamQuery(filter)}`,
    ({ event, data }) => (event === 'left_out' ? setHasGap(true) : gather(JSON.parse(data ?? ''))),
    () => setHasGap(true),
  );

  const isPolling = state === 'failed';
  const query = useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const page = await take(api.GET('/v1/events', { params: { query: listQuery(filter) }, signal }));
      return add(queries.getQueryData<TailEvent[]>(queryKey) ?? [], page.events);
    },
    refetchInterval: isPolling && POLL_MS,
    gcTime: 0,
  });
  const events = useMemo(() => merge(query.data ?? [], streamed), [query.data, streamed]);
  return { query, events, isPolling, hasGap };
}

/** Collects events for a moment, and no more of them than are ever shown. */
function useGathered(onEvents: (events: readonly TailEvent[]) => void): (event: TailEvent) => void {
  const waiting = useRef<TailEvent[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (event) => {
    waiting.current.push(event);
    if (waiting.current.length > MOST_ROWS) waiting.current.shift();
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      onEvents(waiting.current.splice(0));
    }, GATHER_MS);
  };
}

function listQuery({ type, app, session, user, text }: TailFilter) {
  return {
    limit: app || text ? SEARCHED_ROWS : FIRST_ROWS,
    event_type: type || undefined,
    session_id: session || undefined,
    user_id: user || undefined,
  };
}

function streamQuery({ type, app, session, user }: TailFilter): URLSearchParams {
  const wanted = { event_type: type, app, session_id: session, user_id: user };
  return new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
}
