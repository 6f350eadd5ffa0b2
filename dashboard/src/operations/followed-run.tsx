import { Ago } from '../ui/ago';
import { formatDuration } from '../ui/format';
import { QueryView } from '../ui/query-view';
import { RunBadge } from './run-badge';
import { facts, type JobRun } from './runs';
import { useJobRun } from './use-job-run';

/** One run, followed until it ends. */
export function FollowedRun({ name, runId }: { name: string; runId: string }) {
  return (
    <QueryView query={useJobRun(name, runId)} what="the run">
      {(run) => (
        <div className="row" role="status">
          <RunBadge status={run.status} /> <Progress run={run} />
        </div>
      )}
    </QueryView>
  );
}

function Progress({ run: { status, requested_at, started_at, seconds, result, error } }: { run: JobRun }) {
  const took = seconds == null ? '' : `It took ${formatDuration(seconds)}.`;
  switch (status) {
    case 'waiting':
      return (
        <span>
          Waits for those before it; asked for <Ago at={requested_at} />.
        </span>
      );
    case 'running':
      return <span>Runs; it began {started_at && <Ago at={started_at} />}.</span>;
    case 'done':
      return (
        <span>
          {took} {facts(result)}
        </span>
      );
    case 'failed':
      return (
        <span className="failure">
          {error} {took}
        </span>
      );
  }
}
