import { QueryView } from '../ui/query-view';
import { Select } from '../ui/select';
import { LetterTable } from './letter-table';
import { CONSUMERS, type Consumer, type Redriven } from './letters';
import { useDeadLetters } from './use-dead-letters';

interface Filter {
  consumer: Consumer | '';
  fingerprint: string;
}

interface Props {
  filter: Filter;
  onFilter: (changes: Partial<Filter>) => void;
  onOpen: (id: string) => void;
  onRedriven: (letters: Redriven[]) => void;
}

/** The letters of a fault, or of a layer, or all. */
export function LetterSection({ filter: { consumer, fingerprint }, onFilter, onOpen, onRedriven }: Props) {
  const query = useDeadLetters({ consumer: consumer || undefined, fingerprint: fingerprint || undefined });
  return (
    <section className="card stack" aria-labelledby="letters">
      <div className="row spread">
        <h2 id="letters">{fingerprint ? `Letters of the fault ${fingerprint}` : 'Letters'}</h2>
        <div className="row">
          {fingerprint && (
            <button type="button" className="button" onClick={() => onFilter({ fingerprint: '' })}>
              Those of all faults
            </button>
          )}
          <Select
            label="Layer"
            value={consumer}
            values={['', 'speed', 'lake']}
            nameOf={(name) => (name ? CONSUMERS[name] : 'All')}
            onChange={(consumer) => onFilter({ consumer })}
          />
        </div>
      </div>
      <QueryView query={query} what="letters">
        {({ letters, total }) => (
          <LetterTable letters={letters} total={total} onOpen={onOpen} onRedriven={onRedriven} />
        )}
      </QueryView>
    </section>
  );
}
