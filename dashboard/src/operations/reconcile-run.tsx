import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { FollowedRun } from './followed-run';
import { hasEnded } from './runs';
import { useJobRun } from './use-job-run';
import { RECONCILIATION } from './use-reconciliation';

/** The job that compares, and repairs when asked to. */
export const RECONCILE = 'reconcile';

/** A run that somebody asked for; when it has ended the reports are asked for again. */
export function ReconcileRun({ id, onDismiss }: { id: string; onDismiss: () => void }) {
  const queries = useQueryClient();
  const run = useJobRun(RECONCILE, id).data;
  const isOver = run !== undefined && hasEnded(run);
  useEffect(() => {
    if (isOver) void queries.invalidateQueries({ queryKey: [RECONCILIATION] });
  }, [isOver, queries]);
  return (
    <div className="row spread reconcile-run">
      <FollowedRun name={RECONCILE} runId={id} />
      <button type="button" className="button" onClick={onDismiss}>
        Dismiss
      </button>
    </div>
  );
}
