import { type ReactNode, useId } from 'react';
import { CsvButton } from '../ui/csv-button';
import type { Days } from '../ui/days';
import { formatBytes } from '../ui/format';
import { Moment } from '../ui/moment';
import { QueryView } from '../ui/query-view';
import type { Answer, AnswerFacts, Asked } from './use-questions';

interface Props<Row> {
  title: string;
  query: Asked<Row>;
  /** What the file of the rows is called, and how they stand in it; without it as they were answered. */
  csv: { name: string; days: Days; shape?: (results: readonly Row[]) => object[] };
  /** Choices of this block alone, beside its title. */
  tools?: ReactNode;
  /** Choices that take a line of their own. */
  choices?: ReactNode;
  children: (answer: Answer<Row>) => ReactNode;
}

/** One question of the page: its title, its answer, how fresh that is, and its rows as a file. */
export function Block<Row extends object>({ title, query, csv, tools, choices, children }: Props<Row>) {
  const id = useId();
  const { name, days, shape } = csv;
  return (
    <section className="card stack" aria-labelledby={id}>
      <div className="row spread">
        <h2 id={id}>{title}</h2>
        <div className="row">
          {tools}
          <CsvButton
            of={title}
            name={`${name}-${days.from}-${days.to}`}
            rows={query.data?.results ?? []}
            shape={shape}
          />
        </div>
      </div>
      {choices}
      <QueryView query={query} what={title.toLowerCase()}>
        {(answer) => (
          <Dimmed query={query}>
            {children(answer)}
            <Facts answer={answer} error={query.error} />
          </Dimmed>
        )}
      </QueryView>
    </section>
  );
}

/** What is shown is still the answer to another question: it stays, and looks like it. */
export function Dimmed({ query, children }: { query: { isPlaceholderData: boolean }; children: ReactNode }) {
  return (
    <div className={query.isPlaceholderData ? 'stack explore-old' : 'stack'} aria-busy={query.isPlaceholderData}>
      {children}
    </div>
  );
}

function Facts({ answer, error }: { answer: AnswerFacts & { results: unknown[] }; error: Error | null }) {
  return (
    <p className="muted explore-facts">
      {answer.truncated && <strong>Only the first {answer.results.length}: there are more. </strong>}
      {error && <strong>Not refreshed: {error.message} </strong>}
      Complete up to <Moment at={answer.complete_until} /> · {answer.execution_ms} ms ·{' '}
      {answer.cached ? 'from memory' : `${formatBytes(answer.scanned_bytes)} scanned`}
    </p>
  );
}
