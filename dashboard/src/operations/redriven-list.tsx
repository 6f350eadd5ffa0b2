import { type Column, DataTable } from '../ui/data-table';
import { type Letter, layerOfId, outcomeInWords, type Redriven } from './letters';

interface Props {
  redriven: readonly Redriven[];
  /** The letters there are now: what has failed again is among them. */
  letters: readonly Letter[];
}

/** What became of each letter that was redriven. */
export function RedrivenList({ redriven, letters }: Props) {
  const failedAgain = new Set(letters.map((letter) => letter.redrive_of));
  const columns: Column<Redriven>[] = [
    { key: 'letter', header: 'Letter', cell: ({ id }) => <span className="mono">{id}</span> },
    { key: 'layer', header: 'Layer', cell: ({ id }) => layerOfId(id) },
    { key: 'events', header: 'Events', isNumber: true, cell: ({ events }) => events },
    {
      key: 'outcome',
      header: 'What became of it',
      cell: (one) =>
        failedAgain.has(one.id) ? (
          <span className="failure">Failed again, and is set aside again</span>
        ) : (
          outcomeInWords(one)
        ),
    },
  ];
  return (
    <DataTable
      caption="What became of each letter"
      isCaptionHidden
      columns={columns}
      rows={redriven}
      rowKey={(one) => one.id}
      empty="There was no such letter any more."
    />
  );
}
