import { CartesianGrid, Tooltip, type TooltipContentProps, XAxis, YAxis } from 'recharts';
import { formatCompact, formatNumber } from '../format';
import type { TimeChartProps, TimeRow } from './series';

const TICK = { fill: 'var(--text-muted)', fontSize: 12 };
const MOST_TICKS = 12;

/** Grid, axes and tooltip of a chart. Recharts wants them as children, so this is called, not rendered. */
export function axes(chart: TimeChartProps) {
  const { formatValue = formatNumber, rows } = chart;
  const { atOf, ...scale } = scaleOf(chart);
  const formatTime = (position: unknown) => chart.formatTime(atOf(position));
  const isWhole = rows.every(({ values }) => Object.values(values).every((value) => Number.isInteger(value ?? 0)));
  return (
    <>
      <CartesianGrid vertical={false} stroke="var(--border)" />
      <XAxis {...scale} tickFormatter={formatTime} tick={TICK} stroke="var(--border)" minTickGap={24} />
      <YAxis tickFormatter={formatCompact} tick={TICK} stroke="var(--border)" width={44} allowDecimals={!isWhole} />
      <Tooltip
        isAnimationActive={false}
        cursor={{ fill: 'var(--surface-raised)', stroke: 'var(--border)' }}
        content={(shown) => <Shown shown={shown} formatTime={formatTime} formatValue={formatValue} />}
      />
    </>
  );
}

/** How rows stand along the axis, and which row a place on it is of. */
function scaleOf({ rows, positionOf }: TimeChartProps) {
  const dataKey = ({ at }: TimeRow): string | number => positionOf?.(at) ?? at;
  if (!positionOf) return { dataKey, atOf: String };
  const ats = new Map(rows.map(({ at }) => [positionOf(at), at]));
  const step = Math.ceil(rows.length / MOST_TICKS);
  return {
    dataKey,
    type: 'number' as const,
    domain: ['dataMin', 'dataMax'] as const,
    ticks: [...ats.keys()].filter((_, index) => index % step === 0),
    atOf: (position: unknown) => ats.get(Number(position)) ?? '',
  };
}

interface ShownProps {
  shown: TooltipContentProps;
  formatTime: (position: unknown) => string;
  formatValue: (value: number) => string;
}

function Shown({ shown, formatTime, formatValue }: ShownProps) {
  if (!shown.active || !shown.payload?.length) return null;
  const values = shown.payload.filter(({ value }) => typeof value === 'number' && value !== 0);
  return (
    <div className="chart-tooltip">
      <strong>{formatTime(shown.label)}</strong>
      {values.length === 0 && 'Nothing'}
      {values.map(({ graphicalItemId, name, color, value }) => (
        <span key={graphicalItemId}>
          <span className="chart-dot" style={{ background: color }} /> {name}: {formatValue(Number(value))}
        </span>
      ))}
    </div>
  );
}
