import { Lines } from '../ui/chart/lines';
import { timeLabel } from '../ui/chart/series';
import { Block } from './block';
import { bucketsOf } from './days';
import { daysOfSelection, type Selection } from './selection';
import { flatRows, timeRows } from './time-series';
import { type Uniques, useUniques } from './use-questions';

const SERIES = [
  { key: 'sessions', label: 'Sessions', color: 'var(--chart-1)' },
  { key: 'users', label: 'Users', color: 'var(--chart-2)' },
];

/** Distinct sessions and users of each day. */
export function UniquesOverTime({ selection }: { selection: Selection }) {
  const query = useUniques(selection);
  const days = daysOfSelection(selection);
  const rowsOf = (results: readonly Uniques[]) =>
    timeRows(
      // What is shown until these days are answered has buckets of its own.
      query.isPlaceholderData ? [] : bucketsOf(days, selection.tz, 'day', query.dataUpdatedAt),
      SERIES.map(({ key }) => key),
      results.map(({ bucket, ...values }) => ({ bucket, values })),
    );
  return (
    <Block
      title="Sessions and users a day"
      query={query}
      csv={{ name: 'uniques-by-day', days, shape: (results) => flatRows(rowsOf(results)) }}
    >
      {({ results }) => (
        <Lines
          title="Distinct sessions and users per day"
          isTitleHidden
          rows={rowsOf(results)}
          series={SERIES}
          formatTime={timeLabel('day', selection.tz)}
        />
      )}
    </Block>
  );
}
