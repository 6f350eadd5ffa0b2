import { lazy } from 'react';
import { ChartFrame } from './chart-frame';
import type { TimeChartProps } from './series';

const Plot = lazy(() => import('./bars-plot'));

/** Values over time, stacked. */
export function StackedBars(props: TimeChartProps) {
  return (
    <ChartFrame chart={props}>
      <Plot {...props} isStacked />
    </ChartFrame>
  );
}
