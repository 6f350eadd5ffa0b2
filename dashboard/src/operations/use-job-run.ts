import { useQuery } from '@tanstack/react-query';
import { take } from '../api/client';
import { useApi } from '../api/use-api';
import { untilEnded } from './polling';

/** One run of a job, asked for again and again until it has ended. */
export function useJobRun(name: string, runId: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['jobs', name, 'runs', runId],
    queryFn: ({ signal }) =>
      take(api.GET('/v1/jobs/{name}/history/{run_id}', { params: { path: { name, run_id: runId } }, signal })),
    refetchInterval: untilEnded,
  });
}
