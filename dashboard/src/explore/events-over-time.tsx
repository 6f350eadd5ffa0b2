import { type EventType, seriesOfTypes } from '../events/event-types';
import { Lines } from '../ui/chart/lines';
import { timeLabel } from '../ui/chart/series';
import { StackedBars } from '../ui/chart/stacked-bars';
import { countDays } from '../ui/days';
import { Select } from '../ui/select';
import { Block } from './block';
import { bucketsOf, defaultInterval, intervalsFor } from './days';
import { daysOfSelection, type ExploreState, type Selection, type SetExplore } from './selection';
import { flatRows, timeRows } from './time-series';
import { type TypedBucket, useTimeSeries } from './use-questions';

/** So many bars can be told apart; more are drawn as lines. */
const MOST_BARS = 200;

interface Props {
  selection: Selection;
  /** The types that there are. */
  types: readonly EventType[];
  interval: ExploreState['interval'];
  set: SetExplore;
}

/** How many events of each type came when. */
export function EventsOverTime({ selection, types, interval: chosen, set }: Props) {
  const days = daysOfSelection(selection);
  const intervals = intervalsFor(countDays(days));
  const interval = intervals.find((one) => one === chosen) ?? defaultInterval(countDays(days));
  const query = useTimeSeries(selection, interval, types);
  const rowsOf = (results: readonly TypedBucket[]) =>
    timeRows(
      // What is shown until these days are answered has buckets of its own.
      query.isPlaceholderData ? [] : bucketsOf(days, selection.tz, interval, query.dataUpdatedAt),
      types,
      results.map(({ bucket, event_type, event_count }) => ({ bucket, values: { [event_type]: event_count } })),
    );
  return (
    <Block
      title="Events over time"
      query={query}
      csv={{ name: `events-by-${interval}`, days, shape: (results) => flatRows(rowsOf(results)) }}
      tools={
        <Select label="By" isInline value={interval} values={intervals} onChange={(interval) => set({ interval })} />
      }
    >
      {({ results }) => {
        const rows = rowsOf(results);
        const Chart = rows.length > MOST_BARS ? Lines : StackedBars;
        return (
          <Chart
            title={`Events per ${interval} and type`}
            isTitleHidden
            rows={rows}
            series={seriesOfTypes(types)}
            formatTime={timeLabel(interval, selection.tz)}
          />
        );
      }}
    </Block>
  );
}
