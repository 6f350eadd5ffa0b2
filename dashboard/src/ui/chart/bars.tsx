import { lazy } from 'react';
import { ChartFrame } from './chart-frame';
import type { TimeChartProps } from './series';

const Plot = lazy(() => import('./bars-plot'));

/** Values by name, a bar each, side by side. */
export function Bars(props: TimeChartProps) {
  return (
    <ChartFrame chart={props}>
      <Plot {...props} />
    </ChartFrame>
  );
}
