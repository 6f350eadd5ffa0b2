import { skipToken, useQuery, useQueryClient } from '@tanstack/react-query';

/** A statement and when it was last run, in milliseconds. */
interface Past {
  sql: string;
  at: number;
}

export interface History {
  /** The newest first. */
  past: readonly Past[];
  add: (sql: string) => void;
  clear: () => void;
}

const MOST = 50;
const KEY = ['sql', 'history'];
const NONE: readonly Past[] = [];

/**
 * The statements that were run in this tab. They may name people, so they are kept in memory alone, where they
 * end with the tab and with the sign-in: whoever uses the browser next finds none of them.
 */
export function useStatementHistory(): History {
  const queries = useQueryClient();
  const { data: past = NONE } = useQuery<readonly Past[]>({
    queryKey: KEY,
    queryFn: skipToken,
    gcTime: Number.POSITIVE_INFINITY,
  });
  const set = (next: readonly Past[]) => queries.setQueryData(KEY, next);
  return {
    past,
    add: (sql) => set(withStatement(past, { sql, at: Date.now() })),
    clear: () => set([]),
  };
}

export function withStatement(past: readonly Past[], latest: Past): Past[] {
  return [latest, ...past.filter((one) => one.sql !== latest.sql)].slice(0, MOST);
}
