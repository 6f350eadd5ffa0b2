import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { EventTypeLabel } from '../events/event-type-label';
import { Ago } from './ago';
import { formatBytes, formatCompact, formatDuration, formatNumber, formatPercent } from './format';
import { Moment } from './moment';
import { SearchField } from './search-field';

test.each([
  [formatNumber(12_345.5), '12,345.5'],
  [formatCompact(12_345), '12.3K'],
  [formatCompact(0.0512), '0.0512'],
  [formatPercent(3.456), '3.5 %'],
  [formatBytes(0), '0 B'],
  [formatBytes(999), '999 B'],
  [formatBytes(4_130_000), '4.1 MB'],
  [formatDuration(0.25), '250 ms'],
  [formatDuration(4.24), '4.2 s'],
  [formatDuration(59.4), '59 s'],
  [formatDuration(185), '3 min 5 s'],
  [formatDuration(7_200), '2 h'],
  [formatDuration(7_800), '2 h 10 min'],
  [formatDuration(273_600), '3 d 4 h'],
])('%s', (shown, expected) => {
  expect(shown).toBe(expected);
});

test('a moment is in the zone of the visitor, and in UTC on hover', () => {
  render(<Moment at="2026-03-09T14:22:31.402Z" />);
  expect(screen.getByText(/2026/)).toHaveAttribute('title', '2026-03-09 14:22:31 UTC');
});

test.each([
  [0, 'now'],
  [-42, '42 s ago'],
  [-65, '1 min ago'],
  [7_810, 'in 2 h 10 min'],
])('%s seconds from now: %s', (seconds, expected) => {
  vi.useFakeTimers();
  render(<Ago at={new Date(Date.now() + seconds * 1000).toISOString()} />);
  expect(screen.getByText(expected)).toHaveAttribute('title', expect.stringContaining('UTC'));
});

test('a type that nobody knows keeps its name', () => {
  render(
    <>
      <EventTypeLabel type="api_call" />
      <EventTypeLabel type="scroll" />
    </>,
  );
  expect(screen.getByText('API call')).toBeVisible();
  expect(screen.getByText('scroll')).toBeVisible();
});

test('a field tells once typing has stopped, and follows what others change', async () => {
  const onChange = vi.fn();
  const { rerender } = render(<SearchField label="App" value="" onChange={onChange} />);
  await userEvent.type(screen.getByLabelText('App'), 'shop');
  await waitFor(() => expect(onChange.mock.calls).toEqual([['shop']]));
  rerender(<SearchField label="App" value="shop" onChange={onChange} />);
  rerender(<SearchField label="App" value="blog" onChange={onChange} />);
  expect(screen.getByLabelText('App')).toHaveValue('blog');
});
