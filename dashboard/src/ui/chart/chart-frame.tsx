import { type ReactNode, Suspense, useState } from 'react';
import { DataTable } from '../data-table';
import { formatNumber } from '../format';
import type { TimeChartProps, TimeRow } from './series';
import './chart.css';

const HEIGHT = 260;
const PAGE_ROWS = 100;

/** What all charts over time have around them: title, legend, and the same numbers as a table. */
export function ChartFrame({ chart, children }: { chart: TimeChartProps; children: ReactNode }) {
  const { title, series, height = HEIGHT } = chart;
  return (
    <figure className="chart" aria-label={title}>
      <figcaption className={chart.isTitleHidden ? 'visually-hidden' : 'chart-title'}>{title}</figcaption>
      <div className="chart-plot" style={{ height }} aria-hidden="true">
        <Suspense fallback={null}>{children}</Suspense>
      </div>
      <ul className="chart-legend">
        {series.map(({ key, label, color }) => (
          <li key={key}>
            <span className="chart-dot" style={{ background: color }} aria-hidden="true" />
            {label}
          </li>
        ))}
      </ul>
      <ChartTable chart={chart} />
    </figure>
  );
}

function ChartTable({ chart }: { chart: TimeChartProps }) {
  const { title, rows, series, formatTime, formatValue = formatNumber, atHeader = 'Time' } = chart;
  const [isOpen, setIsOpen] = useState(false);
  const columns = [
    { key: 'at', header: atHeader, cell: (row: TimeRow) => formatTime(row.at) },
    ...series.map(({ key, label }) => ({
      key: `series ${key}`,
      header: label,
      isNumber: true,
      cell: ({ values }: TimeRow) => (typeof values[key] === 'number' ? formatValue(values[key]) : '–'),
    })),
  ];
  return (
    <details className="chart-table" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        Numbers as a table<span className="visually-hidden">: {title}</span>
      </summary>
      {isOpen && (
        <DataTable
          caption={title}
          isCaptionHidden
          columns={columns}
          rows={rows}
          rowKey={(row) => row.at}
          pageRows={PAGE_ROWS}
        />
      )}
    </details>
  );
}
