import { QueryView } from '../ui/query-view';
import { textParameter, useSearchState } from '../ui/use-search-state';
import { FollowedRun } from './followed-run';
import { JobHistory } from './job-history';
import { JobTable } from './job-table';
import { Opened } from './opened';
import { useJobs } from './use-jobs';

const PARAMETERS = { job: textParameter(), run: textParameter() };

/** What runs by itself or when asked for, and how it went. */
export default function JobsView() {
  const [{ job, run }, set] = useSearchState(PARAMETERS);
  const jobs = useJobs();
  return (
    <div className="stack">
      <h2>Jobs</h2>
      <QueryView query={jobs} what="jobs">
        {(known) => (
          <section className="card">
            <JobTable jobs={known.jobs} onOpen={(name, runId = '') => set({ job: name, run: runId })} />
          </section>
        )}
      </QueryView>
      {job && (
        <Opened key={`${job} ${run}`} title={`Runs of ${job}`} onClose={() => set({ job: '', run: '' })}>
          {run && <FollowedRun name={job} runId={run} />}
          <JobHistory name={job} />
        </Opened>
      )}
    </div>
  );
}
