import { Bar, BarChart, ResponsiveContainer } from 'recharts';
import { axes } from './axes';
import type { TimeChartProps, TimeRow } from './series';

export default function BarsPlot(props: TimeChartProps) {
  return (
    <ResponsiveContainer width="100%" height="100%">
      <BarChart data={props.rows} accessibilityLayer={false} margin={{ top: 8, right: 8, bottom: 0, left: 0 }}>
        {axes(props)}
        {props.series.map(({ key, label, color }) => (
          <Bar
            key={key}
            dataKey={(row: TimeRow) => row.values[key] ?? 0}
            name={label}
            fill={color}
            maxBarSize={48}
            isAnimationActive={false}
          />
        ))}
      </BarChart>
    </ResponsiveContainer>
  );
}
