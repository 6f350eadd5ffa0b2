import type { ReactNode } from 'react';
import type { components } from '../api/schema';
import { Moment } from '../ui/moment';
import { QueryView } from '../ui/query-view';
import { CodeBlock } from './code-block';
import { layerOf } from './letters';
import { useDeadLetter } from './use-dead-letter';
import './letter-detail.css';
import './operations-table.css';

type Detail = components['schemas']['LetterDetail'];

/** One letter: why it failed and where, and its events as they were accepted. */
export function LetterDetail({ id }: { id: string }) {
  return (
    <QueryView query={useDeadLetter(id)} what="the letter">
      {(detail) => (
        <>
          <About detail={detail} />
          <h3>Stack</h3>
          <CodeBlock label="Stack" text={detail.stack.join('\n')} />
          <h3>Events as they were accepted</h3>
          {detail.truncated && <p className="muted">There are more, or some that cannot be read.</p>}
          <CodeBlock label="Events" text={detail.original.map(lineOf).join('\n')} />
        </>
      )}
    </QueryView>
  );
}

function About({ detail: { letter, failed_at } }: { detail: Detail }) {
  return (
    <dl className="letter-about">
      <Fact name="Reason">{letter.reason}</Fact>
      <Fact name="Layer">{layerOf(letter)}</Fact>
      <Fact name="Set aside">
        <Moment at={letter.parked_at} />
      </Fact>
      <Fact name="Expires">
        <Moment at={letter.expires_at} />
      </Fact>
      <Fact name={`Failed ${letter.attempts} times, last at`}>
        {failed_at.map((at, index) => (
          <div key={`${index} ${at}`}>
            <Moment at={at} />
          </div>
        ))}
      </Fact>
      <Fact name="Batch">
        <span className="mono">{letter.batch_id}</span>
      </Fact>
      {letter.redrive_of && (
        <Fact name="Redriven from">
          <span className="mono">{letter.redrive_of}</span>
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="muted">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function lineOf({ event, text }: Detail['original'][number]): string {
  return text ?? JSON.stringify(event, null, 2);
}
