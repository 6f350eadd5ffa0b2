import { ConfirmButton } from '../ui/confirm-button';
import { Failed, Loading } from '../ui/states';
import { outcomesInWords, type Redriven, type Wanted } from './letters';
import { useRedrive } from './use-redrive';

interface Props {
  label: string;
  title: string;
  wanted: Wanted;
  /** Told what became of each letter. */
  onRedriven: (letters: Redriven[]) => void;
}

/** Has letters tried again; what would come of it is shown before it is confirmed. */
export function RedriveButton({ label, title, wanted, onRedriven }: Props) {
  const dryRun = useRedrive({ isDry: true });
  const redrive = useRedrive();
  const letters = dryRun.data?.letters;
  const fails = letters?.some(({ outcome }) => outcome === 'would_fail');
  return (
    <ConfirmButton
      label={label}
      title={title}
      confirmLabel={fails ? 'Redrive anyway' : 'Redrive'}
      isHeld={!letters}
      onOpen={() => dryRun.mutate(wanted)}
      action={async () => onRedriven((await redrive.mutateAsync(wanted)).letters)}
    >
      {dryRun.error && <Failed error={dryRun.error} onRetry={() => dryRun.mutate(wanted)} />}
      {dryRun.isPending && <Loading what="what would come of it" />}
      {letters && <Forecast letters={letters} />}
    </ConfirmButton>
  );
}

function Forecast({ letters }: { letters: readonly Redriven[] }) {
  if (letters.length === 0) return 'There is no such letter any more.';
  return (
    <>
      <p>It was tried without writing anything:</p>
      <ul>
        {outcomesInWords(letters).map((words) => (
          <li key={words}>{words}</li>
        ))}
      </ul>
      <p>What fails again is set aside again.</p>
    </>
  );
}
