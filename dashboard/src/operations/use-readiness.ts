import { useQuery } from '@tanstack/react-query';
import { type Api, ApiError, take } from '../api/client';
import { useApi } from '../api/use-api';

const POLL_MS = 10_000;

/** Why the system is not ready, in a sentence; null when it is. */
export type Reason = string | null;

/** Whether the system takes events and makes progress. That it does not is an answer, no error. */
export function useReadiness() {
  const api = useApi();
  return useQuery({
    queryKey: ['readiness'],
    queryFn: ({ signal }) => reason(api, signal),
    refetchInterval: POLL_MS,
  });
}

async function reason(api: Api, signal: AbortSignal): Promise<Reason> {
  try {
    await take(api.GET('/readyz', { signal }));
    return null;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'not_ready') return error.message;
    throw error;
  }
}
