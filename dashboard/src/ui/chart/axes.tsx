import { CartesianGrid, Tooltip, type TooltipContentProps, XAxis, YAxis } from 'recharts';
import { formatCompact, formatNumber } from '../format';
import type { TimeChartProps } from './series';

const TICK = { fill: 'var(--text-muted)', fontSize: 12 };

/** Grid, axes and tooltip of a chart over time. Recharts wants them as children, so this is called, not rendered. */
export function axes({ formatTime, formatValue = formatNumber }: TimeChartProps) {
  return (
    <>
      <CartesianGrid vertical={false} stroke="var(--border)" />
      <XAxis dataKey="at" tickFormatter={formatTime} tick={TICK} stroke="var(--border)" minTickGap={24} />
      <YAxis tickFormatter={formatCompact} tick={TICK} stroke="var(--border)" width={44} allowDecimals={false} />
      <Tooltip
        isAnimationActive={false}
        cursor={{ fill: 'var(--surface-raised)', stroke: 'var(--border)' }}
        content={(shown) => <Shown shown={shown} formatTime={formatTime} formatValue={formatValue} />}
      />
    </>
  );
}

interface ShownProps {
  shown: TooltipContentProps;
  formatTime: (at: string) => string;
  formatValue: (value: number) => string;
}

function Shown({ shown, formatTime, formatValue }: ShownProps) {
  if (!shown.active || !shown.payload?.length) return null;
  const values = shown.payload.filter(({ value }) => typeof value === 'number' && value !== 0);
  return (
    <div className="chart-tooltip">
      <strong>{formatTime(String(shown.label))}</strong>
      {values.length === 0 && 'Nothing'}
      {values.map(({ graphicalItemId, name, color, value }) => (
        <span key={graphicalItemId}>
          <span className="chart-dot" style={{ background: color }} /> {name}: {formatValue(Number(value))}
        </span>
      ))}
    </div>
  );
}
