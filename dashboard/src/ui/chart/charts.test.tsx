import { render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { BarList } from './bar-list';
import { Bars } from './bars';
import { Lines } from './lines';
import { type TimeChartProps, timeLabel } from './series';
import { StackedBars } from './stacked-bars';

const CHART: TimeChartProps = {
  title: 'Events per hour',
  rows: [
    { at: '2026-03-09T14:00:00Z', values: { click: 1_200, error: 3 } },
    { at: '2026-03-09T15:00:00Z', values: { click: 800 } },
  ],
  series: [
    { key: 'click', label: 'Click', color: 'var(--chart-2)' },
    { key: 'error', label: 'Error', color: 'var(--chart-5)' },
  ],
  formatTime: timeLabel('hour', 'UTC'),
};

test.each([
  ['bars', Bars, '.recharts-bar'],
  ['stacked bars', StackedBars, '.recharts-bar'],
  ['lines', Lines, '.recharts-line'],
])('%s are drawn in a series each', async (_, Chart, drawn) => {
  const { container } = render(<Chart {...CHART} />);
  await waitFor(() => expect(container.querySelectorAll(drawn)).toHaveLength(2), { timeout: 4_000 });
});

test('with a scale rows stand where they belong', async () => {
  const rows = ['0', '1', '9', '10'].map((at) => ({ at, values: { click: 1 } }));
  const scaled = { ...CHART, rows, formatTime: (at: string) => `at ${at}`, positionOf: Number, atHeader: 'n' };
  const { container } = render(<Lines {...scaled} />);
  const ticks = () => [...container.querySelectorAll('.recharts-xAxis-tick-labels text')];
  await waitFor(() => expect(ticks().length).toBeGreaterThan(1), { timeout: 4_000 });
  const at = Object.fromEntries(ticks().map((tick) => [tick.textContent, Number(tick.getAttribute('x'))]));
  expect(at['at 0']).toBeLessThan(100);
  expect(at['at 10']).toBeGreaterThan(500);
  await userEvent.click(screen.getByText(/Numbers as a table/));
  expect(await screen.findByRole('columnheader', { name: 'n' })).toBeVisible();
});

test('a chart says what it shows, and has its numbers as a table', async () => {
  render(<StackedBars {...CHART} />);
  expect(screen.getByRole('figure', { name: 'Events per hour' })).toBeVisible();
  expect(screen.getByText('Error')).toBeVisible();
  expect(screen.queryByRole('table')).toBeNull();
  await userEvent.click(screen.getByText(/Numbers as a table/));
  const rows = within(await screen.findByRole('table', { name: 'Events per hour' })).getAllByRole('row');
  expect(rows.map((row) => [...row.children].map((cell) => cell.textContent))).toEqual([
    ['Time', 'Click', 'Error'],
    ['Mar 9, 02:00 PM', '1,200', '3'],
    ['Mar 9, 03:00 PM', '800', '–'],
  ]);
});

test('a list of bars is text; the largest is the longest', () => {
  const items = [
    { key: 'de', label: 'Germany', value: 1_500 },
    { key: 'fr', label: 'France', value: 300 },
  ];
  const { container } = render(<BarList title="Countries" items={items} />);
  expect(screen.getAllByRole('listitem').map((item) => item.textContent)).toEqual(['Germany1,500', 'France300']);
  const bars = [...container.querySelectorAll<HTMLElement>('.bar-list-bar')];
  expect(bars.map((bar) => bar.style.width)).toEqual(['100%', '20%']);
});
