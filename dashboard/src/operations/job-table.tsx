import { Ago } from '../ui/ago';
import { ConfirmButton } from '../ui/confirm-button';
import { type Column, DataTable } from '../ui/data-table';
import { formatDuration } from '../ui/format';
import { RunBadge } from './run-badge';
import { facts, type JobState, schedule } from './runs';
import { useRunJob } from './use-run-job';
import './operations-table.css';

interface Props {
  jobs: readonly JobState[];
  /** Open the runs of a job, and follow one of them. */
  onOpen: (name: string, runId?: string) => void;
}

/** These cannot be run without being told about what: the command does. */
const COMMANDS: Readonly<Record<string, string>> = { erase: 'cloudpulse erase', replay: 'cloudpulse replay' };

/** All jobs; those that have failed come first. */
export function JobTable({ jobs, onOpen }: Props) {
  const columns: Column<JobState>[] = [
    {
      key: 'job',
      header: 'Job',
      cell: ({ name, what }) => (
        <div className="wide-cell">
          <strong>{name}</strong>
          <div className="muted">{what}</div>
        </div>
      ),
    },
    {
      key: 'next',
      header: 'Runs next',
      cell: ({ name, cron, next_run_at }) => (
        <>
          {next_run_at ? <Ago at={next_run_at} /> : '–'}
          <div className="muted">{schedule(cron)}</div>
          {COMMANDS[name] && (
            <div className="muted">
              by <code>{COMMANDS[name]}</code>
            </div>
          )}
        </>
      ),
    },
    { key: 'last', header: 'Ran last', cell: (job) => <LastRun job={job} /> },
    { key: 'result', header: 'Result', cell: (job) => <Result job={job} /> },
    {
      key: 'failures',
      header: 'Failures',
      isNumber: true,
      cell: ({ failures }) => (failures ? <strong className="failure">{failures}</strong> : failures),
    },
    { key: 'actions', header: 'Actions', cell: (job) => <Actions job={job} onOpen={onOpen} /> },
  ];
  return (
    <DataTable
      caption="Jobs"
      isCaptionHidden
      columns={columns}
      rows={jobs.toSorted((one, other) => other.failures - one.failures)}
      rowKey={(job) => job.name}
    />
  );
}

function LastRun({ job: { last_run } }: { job: JobState }) {
  if (!last_run) return '–';
  const { status, seconds, requested_at, finished_at } = last_run;
  return (
    <>
      <RunBadge status={status} /> <Ago at={finished_at ?? requested_at} />
      {seconds != null && <div className="muted">took {formatDuration(seconds)}</div>}
    </>
  );
}

function Result({ job: { last_run } }: { job: JobState }) {
  if (last_run?.error) return <div className="wide-cell failure">{last_run.error}</div>;
  return last_run?.result ? <div className="wide-cell muted">{facts(last_run.result)}</div> : '–';
}

function Actions({ job: { name, what }, onOpen }: { job: JobState; onOpen: Props['onOpen'] }) {
  const runJob = useRunJob();
  const run = async () => onOpen(name, (await runJob.mutateAsync({ name })).id);
  return (
    <div className="row actions">
      {!COMMANDS[name] && (
        <ConfirmButton label="Run now" title={`Run ${name} now?`} action={run}>
          {what} It runs as soon as those before it have ended, and may be run at any time.
        </ConfirmButton>
      )}
      <button type="button" className="button" aria-label={`History of ${name}`} onClick={() => onOpen(name)}>
        History
      </button>
    </div>
  );
}
