import { formatNumber, formatPercent } from '../ui/format';
import { StatCard, StatCards } from '../ui/stat-card';
import type { Realtime } from './realtime';
import { useEventRate } from './use-event-rate';

const HIGH_ERROR_RATE_PCT = 5;

/** The numbers that tell how it goes; `now` is the server's time. */
export function LiveCards({ snapshot, now }: { snapshot: Realtime; now: number }) {
  const rate = useEventRate(snapshot, now);
  const { error_count: errors, error_rate_pct: errorRate } = snapshot;
  return (
    <StatCards label="Live numbers">
      <StatCard
        label="Events"
        value={formatNumber(snapshot.total_events)}
        detail={`in the last ${snapshot.lookback_minutes} minutes`}
      />
      <StatCard
        label="Error rate"
        value={formatPercent(errorRate)}
        detail={errors === 1 ? '1 error' : `${formatNumber(errors)} errors`}
        tone={errorRate > HIGH_ERROR_RATE_PCT ? 'bad' : undefined}
      />
      <StatCard
        label="Active sessions"
        value={formatNumber(snapshot.active_sessions)}
        detail={`in the last ${snapshot.lookback_minutes} minutes`}
      />
      <StatCard label="Events a second" value={formatRate(rate.perSecond)} detail={rate.detail} />
    </StatCards>
  );
}

/** `0.12`, `4.5`, `250`. */
function formatRate(perSecond: number): string {
  const digits = perSecond < 1 ? 2 : perSecond < 100 ? 1 : 0;
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: digits }).format(perSecond);
}
