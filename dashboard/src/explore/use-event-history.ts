import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import type { components } from '../api/schema';
import { useApi } from '../api/use-api';
import { type Days, utcDay } from '../ui/days';

export type ListedEvent = components['schemas']['ListedEvent'];
/** Whose events. */
export type Subject = { session_id: string } | { user_id: string };
export type History = ReturnType<typeof useEventHistory>;

const PAGE_EVENTS = 500;
const REFRESH_MS = 20_000;

/** Events of a session or a user by pages, the newest first. Days are in UTC; an empty one is left to the server. */
export function useEventHistory(subject: Subject, { from, to }: Days) {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ['events', subject, from, to],
    queryFn: ({ pageParam, signal }) => {
      const days = { date_from: from || undefined, date_to: to || undefined };
      const query = { ...subject, ...days, limit: PAGE_EVENTS, cursor: pageParam };
      return take(api.GET('/v1/events', { params: { query }, signal }));
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    // Many pages are not asked for again and again.
    refetchInterval: ({ state }) => isOpen(to) && state.data?.pages.length === 1 && REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}

/** Whether events may still come. */
function isOpen(to: string): boolean {
  return !to || to >= utcDay(Date.now());
}
