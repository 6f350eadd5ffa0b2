import { Bar, BarChart, ResponsiveContainer } from 'recharts';
import { axes } from './axes';
import type { TimeChartProps, TimeRow } from './series';

export default function BarsPlot({ isStacked = false, ...chart }: TimeChartProps & { isStacked?: boolean }) {
  return (
    <ResponsiveContainer width="100%" height="100%">
      <BarChart data={chart.rows} accessibilityLayer={false} margin={{ top: 8, right: 8, bottom: 0, left: 0 }}>
        {axes(chart)}
        {chart.series.map(({ key, label, color }) => (
          <Bar
            key={key}
            dataKey={(row: TimeRow) => row.values[key] ?? 0}
            name={label}
            fill={color}
            stackId={isStacked ? 'all' : undefined}
            maxBarSize={48}
            isAnimationActive={false}
          />
        ))}
      </BarChart>
    </ResponsiveContainer>
  );
}
