import { download } from '../ui/download';
import { Moment } from '../ui/moment';
import { QueryView } from '../ui/query-view';
import { CodeBlock } from './code-block';
import { RunBadge } from './run-badge';
import { type Erasure, useErasure } from './use-erasure';
import './operations-table.css';

/** One erasure, followed until it is done. */
export function ErasureDetail({ id }: { id: string }) {
  return (
    <QueryView query={useErasure(id)} what="the erasure">
      {(erasure) => (
        <>
          <div role="status" className="row">
            <RunBadge status={erasure.status} /> <Progress erasure={erasure} />
          </div>
          <p className="operations-about">
            Events of a {erasure.kind} that were received before <Moment at={erasure.received_before} />. The id is not
            kept; this hash stands for it: <span className="mono operations-hash">{erasure.subject}</span>
          </p>
          {erasure.record && <Record erasure={erasure} />}
        </>
      )}
    </QueryView>
  );
}

function Progress({ erasure: { status, error } }: { erasure: Erasure }) {
  switch (status) {
    case 'waiting':
      return <span>Waits for the jobs before it.</span>;
    case 'running':
      return (
        <span>
          Everything is rewritten, and old files go once no query can read them any more. It takes some minutes; this
          page may be left.
        </span>
      );
    case 'done':
      return <span>Done: the events are gone.</span>;
    case 'failed':
      return <span className="failure">{error} It is tried again after an hour.</span>;
  }
}

function Record({ erasure: { id, record, signature } }: { erasure: Erasure }) {
  const save = () => download(`erasure-${id}.json`, JSON.stringify({ record, signature }, null, 2), 'application/json');
  return (
    <>
      <div className="row spread">
        <h3>Record</h3>
        <button type="button" className="button" onClick={save}>
          Download, signed
        </button>
      </div>
      <CodeBlock label="Record of the erasure" text={JSON.stringify(record, null, 2)} />
    </>
  );
}
