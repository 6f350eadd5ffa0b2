import { useState } from 'react';
import { QueryView } from '../ui/query-view';
import { Empty } from '../ui/states';
import { choice, textParameter, useSearchState } from '../ui/use-search-state';
import { FaultTable } from './fault-table';
import { LetterDetail } from './letter-detail';
import { LetterSection } from './letter-section';
import type { Redriven } from './letters';
import { Opened } from './opened';
import { RedriveButton } from './redrive-button';
import { RedrivenList } from './redriven-list';
import { useDeadLetters } from './use-dead-letters';

const PARAMETERS = {
  consumer: choice(['', 'speed', 'lake'], ''),
  fingerprint: textParameter(),
  letter: textParameter(),
};

/** What could not be processed, and what is to become of it. */
export default function DeadLettersView() {
  const [{ letter, ...filter }, set] = useSearchState(PARAMETERS);
  const [redriven, setRedriven] = useState<Redriven[] | null>(null);
  const all = useDeadLetters();
  return (
    <div className="stack">
      <h2>Dead letters</h2>
      {redriven && (
        <Opened key={JSON.stringify(redriven)} title="What became of them" onClose={() => setRedriven(null)}>
          <RedrivenList redriven={redriven} letters={all.data?.letters ?? []} />
        </Opened>
      )}
      <QueryView query={all} what="dead letters">
        {({ groups, total }) =>
          total === 0 ? (
            <Empty>Nothing has been set aside.</Empty>
          ) : (
            <>
              <section className="card stack" aria-labelledby="faults">
                <div className="row spread">
                  <h2 id="faults">What failed in the same way</h2>
                  <RedriveButton
                    label="Redrive all"
                    title="Redrive all letters?"
                    wanted={{ all: true }}
                    onRedriven={setRedriven}
                  />
                </div>
                <FaultTable groups={groups} onRedriven={setRedriven} />
              </section>
              <LetterSection
                filter={filter}
                onFilter={set}
                onOpen={(id) => set({ letter: id })}
                onRedriven={setRedriven}
              />
            </>
          )
        }
      </QueryView>
      {letter && (
        <Opened key={letter} title={`Letter ${letter}`} onClose={() => set({ letter: '' })}>
          <LetterDetail id={letter} />
        </Opened>
      )}
    </div>
  );
}
