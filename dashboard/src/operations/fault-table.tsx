import { Link } from 'react-router';
import { Ago } from '../ui/ago';
import { type Column, DataTable } from '../ui/data-table';
import { CONSUMERS, type Consumer, countsInWords, type Fault, faults, type Group, type Redriven } from './letters';
import { RedriveButton } from './redrive-button';
import './operations-table.css';

interface Props {
  groups: readonly Group[];
  onRedriven: (letters: Redriven[]) => void;
}

/** What failed in the same way, the largest first. */
export function FaultTable({ groups, onRedriven }: Props) {
  const columns: Column<Fault>[] = [
    {
      key: 'fault',
      header: 'Fault',
      cell: ({ fingerprint, reason }) => (
        <div className="wide-cell">
          {reason}
          <div className="mono muted">{fingerprint}</div>
        </div>
      ),
    },
    layerColumn('speed'),
    layerColumn('lake'),
    { key: 'first', header: 'First', cell: ({ firstAt }) => <Ago at={firstAt} /> },
    { key: 'last', header: 'Last', cell: ({ lastAt }) => <Ago at={lastAt} /> },
    {
      key: 'actions',
      header: 'Actions',
      cell: ({ fingerprint }) => (
        <div className="row actions">
          <RedriveButton
            label="Redrive"
            title={`Redrive all letters of the fault ${fingerprint}?`}
            wanted={{ fingerprint }}
            onRedriven={onRedriven}
          />
          <Link to={`?fingerprint=${encodeURIComponent(fingerprint)}`} preventScrollReset>
            Its letters
          </Link>
        </div>
      ),
    },
  ];
  return (
    <DataTable
      caption="Faults, the largest first"
      isCaptionHidden
      columns={columns}
      rows={faults(groups)}
      rowKey={(fault) => fault.fingerprint}
    />
  );
}

function layerColumn(consumer: Consumer): Column<Fault> {
  return {
    key: consumer,
    header: CONSUMERS[consumer],
    cell: ({ layers }) => {
      const group = layers[consumer];
      return group ? countsInWords(group.letters, group.events) : '–';
    },
  };
}
