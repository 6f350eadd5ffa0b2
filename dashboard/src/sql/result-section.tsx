import { Empty } from '../ui/states';
import type { Look } from './address';
import { ResultView } from './result-view';
import type { Asking, Question } from './use-answer';

interface Props {
  question: Question | null;
  asking: Asking;
  look: Look;
  onLook: (changes: Partial<Look>) => void;
  onAsk: (question: Question) => void;
}

/** What came of the question that stands in the address. */
export function ResultSection(props: Props) {
  return (
    <section className="card stack sql-result long-table" aria-labelledby="result">
      <h2 id="result">Result</h2>
      <Outcome {...props} />
    </section>
  );
}

function Outcome({ question, asking, look, onLook, onAsk }: Props) {
  const { data, error, isFetching } = asking.query;
  if (isFetching && !data) return <Empty>Running …</Empty>;
  if (error && !isFetching) return <Empty>There is no result. What is wrong stands below the statement.</Empty>;
  if (data) return <ResultView key={data.query_execution_id} answer={data} look={look} onLook={onLook} />;
  if (asking.isCancelled) return <Empty>There is no result: it was cancelled.</Empty>;
  if (!question) return <Empty>Write a statement and run it, or take one of the named queries.</Empty>;
  return (
    <Empty>
      <span>
        {'named' in question
          ? `The address asks for ${question.named}, ${question.from} to ${question.to}.`
          : 'The address asks for the statement above. Read it before you run it.'}
      </span>
      <button type="button" className="button" onClick={() => onAsk(question)}>
        Run what the address asks for
      </button>
    </Empty>
  );
}
