import { lazy } from 'react';
import { ChartFrame } from './chart-frame';
import type { TimeChartProps } from './series';

const Plot = lazy(() => import('./lines-plot'));

/** Values over time, a line each. */
export function Lines(props: TimeChartProps) {
  return (
    <ChartFrame chart={props}>
      <Plot {...props} />
    </ChartFrame>
  );
}
