import { memo, useMemo } from 'react';
import { Lines } from '../ui/chart/lines';
import { type Series, timeLabel } from '../ui/chart/series';
import { formatDuration, formatNumber } from '../ui/format';
import { type HealthSeries, healthRows } from './health';

interface Chart {
  title: string;
  series: Series[];
  formatValue: (value: number) => string;
  /** What values are multiplied by, for the axis to be read. */
  scale?: number;
}

const HEIGHT = 180;
const DAY_MS = 86_400_000;

const number = (unit: string) => (value: number) => `${formatNumber(Math.round(value * 100) / 100)} ${unit}`;
const line = (key: string, label: string, color = 1): Series => ({ key, label, color: `var(--chart-${color})` });
const layers = (unit: string) => [line(`speed_lag_${unit}`, 'Live counters'), line(`lake_lag_${unit}`, 'Lake', 4)];

const CHARTS: Chart[] = [
  { title: 'Lag, in seconds', series: layers('seconds'), formatValue: formatDuration },
  { title: 'Backlog, in batches', series: layers('batches'), formatValue: number('batches') },
  {
    title: 'Events a second',
    series: [line('events_per_second', 'Accepted'), line('rejects_per_second', 'Rejected', 5)],
    formatValue: number('a second'),
  },
  {
    title: 'Refused a minute',
    series: [line('refused_tokens_per_minute', 'Tokens'), line('refused_sign_ins_per_minute', 'Sign-ins', 4)],
    formatValue: number('a minute'),
  },
  { title: 'Free disk, in GB', series: [line('free_bytes', 'Free')], formatValue: number('GB'), scale: 1e-9 },
  { title: 'Journal, in MB', series: [line('journal_bytes', 'Journal')], formatValue: number('MB'), scale: 1e-6 },
  {
    title: 'Events that wait for their receipt',
    series: [line('waiting_events', 'Events')],
    formatValue: number('events'),
  },
];

/** What is known of the last hours, in a chart for each unit. */
export function HealthCharts({ history }: { history: HealthSeries }) {
  return (
    <div className="health-charts">
      {CHARTS.map((chart) => (
        <HealthChart key={chart.title} chart={chart} history={history} />
      ))}
    </div>
  );
}

const HealthChart = memo(({ chart, history }: { chart: Chart; history: HealthSeries }) => {
  const { title, series, formatValue, scale } = chart;
  const rows = useMemo(() => healthRows(history, series, scale), [history, series, scale]);
  const isLong = rows.length * history.step_seconds * 1000 > DAY_MS;
  return (
    <div className="card">
      <Lines
        title={title}
        rows={rows}
        series={series}
        formatTime={timeLabel(isLong ? 'hour' : 'minute')}
        formatValue={formatValue}
        height={HEIGHT}
      />
    </div>
  );
});
