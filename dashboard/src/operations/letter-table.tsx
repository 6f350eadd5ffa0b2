import { Ago } from '../ui/ago';
import { ConfirmButton } from '../ui/confirm-button';
import { type Column, DataTable } from '../ui/data-table';
import { countsInWords, type Letter, layerOf, type Redriven } from './letters';
import { RedriveButton } from './redrive-button';
import { usePurge } from './use-purge';
import './operations-table.css';

interface Props {
  letters: readonly Letter[];
  /** How many there are in all. */
  total: number;
  onOpen: (id: string) => void;
  onRedriven: (letters: Redriven[]) => void;
}

/** Letters, the oldest first. */
export function LetterTable({ letters, total, onOpen, onRedriven }: Props) {
  const columns: Column<Letter>[] = [
    { key: 'parked', header: 'Set aside', cell: (letter) => <Ago at={letter.parked_at} /> },
    { key: 'layer', header: 'Layer', cell: layerOf },
    {
      key: 'reason',
      header: 'Reason',
      cell: ({ reason, fingerprint, redrive_of }) => (
        <div className="wide-cell">
          {reason} <span className="mono muted">{fingerprint}</span>
          {redrive_of && <div className="muted">failed again after it was redriven</div>}
        </div>
      ),
    },
    { key: 'events', header: 'Events', isNumber: true, cell: (letter) => letter.events },
    { key: 'attempts', header: 'Tries', isNumber: true, cell: (letter) => letter.attempts },
    { key: 'expires', header: 'Expires', cell: (letter) => <Ago at={letter.expires_at} /> },
    {
      key: 'actions',
      header: 'Actions',
      cell: (letter) => (
        <div className="row actions">
          <button type="button" className="button" aria-label={`Show ${letter.id}`} onClick={() => onOpen(letter.id)}>
            Show
          </button>
          <RedriveButton
            label="Redrive"
            title="Redrive this letter?"
            wanted={{ ids: [letter.id] }}
            onRedriven={onRedriven}
          />
          <Purge letter={letter} />
        </div>
      ),
    },
  ];
  return (
    <DataTable
      caption={letters.length < total ? `The oldest ${letters.length} of ${total} letters` : 'All, the oldest first'}
      columns={columns}
      rows={letters}
      rowKey={(letter) => letter.id}
      empty="No letters that match."
    />
  );
}

function Purge({ letter }: { letter: Letter }) {
  const purge = usePurge();
  return (
    <ConfirmButton label="Purge" title="Purge this letter?" isDangerous action={() => purge.mutateAsync(letter.id)}>
      {countsInWords(1, letter.events)}: the events are given up for good, and the ledger counts them as purged.
    </ConfirmButton>
  );
}
