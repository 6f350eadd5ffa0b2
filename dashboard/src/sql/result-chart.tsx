import { useMemo } from 'react';
import { Bars } from '../ui/chart/bars';
import { Lines } from '../ui/chart/lines';
import { Select } from '../ui/select';
import { Empty } from '../ui/states';
import { type Choice, chartOf, type Drawn, drawnOf, seriesColumns } from './chart-data';
import { type Column, kindOf, type Row } from './columns';

interface Props {
  columns: readonly Column[];
  results: readonly Row[];
  choice: Choice;
  onChoice: (changes: Partial<Choice>) => void;
}

/** An answer as a chart: lines over time and numbers, bars by name. */
export function ResultChart({ columns, results, choice, onChoice }: Props) {
  const drawn = drawnOf(columns, results, choice);
  if (!drawn || results.length === 0) {
    return <Empty>There is nothing to draw: a chart takes a column of numbers and another column.</Empty>;
  }
  return (
    <>
      <ChartFields columns={columns} drawn={drawn} onChoice={onChoice} />
      <Chart drawn={drawn} results={results} />
    </>
  );
}

function Chart({ drawn, results }: { drawn: Drawn; results: readonly Row[] }) {
  // Equal choices draw equal charts; `drawn` itself is a new object each time.
  const key = JSON.stringify(drawn);
  const chart = useMemo(() => chartOf(JSON.parse(key) as Drawn, results), [key, results]);
  const Plot = drawn.kind === 'lines' ? Lines : Bars;
  return (
    <>
      <Plot
        title={`${drawn.y.map(({ name }) => name).join(', ')} by ${drawn.x.name}`}
        rows={chart.rows}
        series={chart.series}
        formatTime={chart.formatAt}
        formatValue={formatValue}
        positionOf={chart.positionOf}
        atHeader={drawn.x.name}
      />
      {chart.notes.map((note) => (
        <p className="muted sql-note" key={note}>
          {note}
        </p>
      ))}
    </>
  );
}

interface FieldsProps {
  columns: readonly Column[];
  drawn: Drawn;
  onChoice: (changes: Partial<Choice>) => void;
}

function ChartFields({ columns, drawn, onChoice }: FieldsProps) {
  const { x, y, series } = drawn;
  const numbers = columns.filter((column) => column !== x && kindOf(column) === 'number');
  const toggle = (name: string, isOn: boolean) =>
    onChoice({
      y: numbers
        .map((column) => column.name)
        .filter((one) => (one === name ? isOn : y.some((other) => other.name === one))),
    });
  return (
    <div className="sql-fields">
      <Select
        label="Along the axis"
        value={x.name}
        values={columns.map(({ name }) => name)}
        onChange={(name) => onChoice({ x: name })}
      />
      <fieldset className="sql-values">
        <legend>Values</legend>
        {numbers.map(({ name }) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={y.some((one) => one.name === name)}
              onChange={(event) => toggle(name, event.target.checked)}
            />
            {name}
          </label>
        ))}
      </fieldset>
      <Select
        label="A series for each"
        value={series?.name ?? ''}
        values={['', ...seriesColumns(columns, x).map(({ name }) => name)]}
        nameOf={(name) => name || '– none –'}
        onChange={(name) => onChoice({ series: name })}
      />
    </div>
  );
}

function formatValue(value: number): string {
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: 6 }).format(value);
}
