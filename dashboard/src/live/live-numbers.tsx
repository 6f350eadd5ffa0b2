import { memo, useMemo } from 'react';
import { seriesOfTypes } from '../events/event-types';
import { timeLabel } from '../ui/chart/series';
import { StackedBars } from '../ui/chart/stacked-bars';
import { useNow } from '../ui/use-now';
import { LiveCards } from './live-cards';
import { minuteRows, type Realtime, startOfMinute } from './realtime';

const SERIES = seriesOfTypes();
const formatTime = timeLabel('minute');

/** Drawn anew when there is something new, not with each second. */
const Chart = memo(StackedBars);

/** Cards and chart of one answer; they move on with each second, also when nothing comes. */
export function LiveNumbers({ snapshot, receivedAt }: { snapshot: Realtime; receivedAt: number }) {
  // The visitor's clock may be wrong: only what it counts since the answer is used.
  const now = Math.max(useNow(), receivedAt) - receivedAt + Date.parse(snapshot.as_of);
  const minute = startOfMinute(now);
  const rows = useMemo(() => minuteRows(snapshot, minute), [snapshot, minute]);
  return (
    <>
      <LiveCards snapshot={snapshot} now={now} />
      <section className="card stack" aria-labelledby="per-minute">
        <h2 id="per-minute">Events per minute</h2>
        {snapshot.total_events === 0 && (
          <p className="muted live-none">No events in the last {snapshot.lookback_minutes} minutes.</p>
        )}
        <Chart
          title={`Events per minute and type, last ${snapshot.lookback_minutes} minutes`}
          isTitleHidden
          rows={rows}
          series={SERIES}
          formatTime={formatTime}
        />
      </section>
    </>
  );
}
