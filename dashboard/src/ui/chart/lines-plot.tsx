import { Line, LineChart, ResponsiveContainer } from 'recharts';
import { axes } from './axes';
import type { TimeChartProps, TimeRow } from './series';

export default function LinesPlot(props: TimeChartProps) {
  const hasOnePoint = props.rows.length === 1;
  return (
    <ResponsiveContainer width="100%" height="100%">
      <LineChart data={props.rows} accessibilityLayer={false} margin={{ top: 8, right: 8, bottom: 0, left: 0 }}>
        {axes(props)}
        {props.series.map(({ key, label, color }) => (
          <Line
            key={key}
            dataKey={(row: TimeRow) => row.values[key] ?? null}
            name={label}
            stroke={color}
            strokeWidth={2}
            dot={hasOnePoint}
            connectNulls={props.positionOf !== undefined}
            isAnimationActive={false}
          />
        ))}
      </LineChart>
    </ResponsiveContainer>
  );
}
