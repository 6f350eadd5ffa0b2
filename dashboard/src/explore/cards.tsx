import { countDays } from '../ui/days';
import { formatNumber, formatPercent } from '../ui/format';
import { StatCard, StatCards } from '../ui/stat-card';
import { daysBefore } from './days';
import { daysOfSelection, isRunning, type Selection } from './selection';
import { changeText, meanOf, totalsOf } from './totals';
import { type Asked, type EventCount, useEventCounts, useUniques } from './use-questions';

const HIGH_ERROR_SHARE_PCT = 5;

/** The numbers of the days, beside those of as many days before. */
export function Cards({ selection, counts }: { selection: Selection; counts: readonly EventCount[] }) {
  const days = daysOfSelection(selection);
  const before = daysBefore(days);
  const selectionBefore = { ...selection, date_from: before.from, date_to: before.to };
  const countsBefore = settled(useEventCounts(selectionBefore));
  const { data: { results: uniques } = {}, error } = useUniques(selection);
  const uniquesBefore = settled(useUniques(selectionBefore));

  const totals = totalsOf(counts);
  const totalsBefore = countsBefore && totalsOf(countsBefore);
  const soFar = isRunning(selection) ? ' so far' : '';
  const number = (label: string, now: number | undefined, than: number | undefined) => (
    <StatCard
      label={label}
      value={now === undefined ? (error ? '–' : '…') : formatNumber(now)}
      detail={now === undefined ? error?.message : than !== undefined && compared(now, than, soFar)}
    />
  );
  const each = countDays(days) === 1 ? '' : ' a day';
  return (
    <>
      <StatCards label="Numbers of these days">
        {number('Events', totals.events, totalsBefore?.events)}
        {number(`Sessions${each}`, meanOf(uniques, 'sessions'), meanOf(uniquesBefore, 'sessions'))}
        {number(`Users${each}`, meanOf(uniques, 'users'), meanOf(uniquesBefore, 'users'))}
        {!selection.event_type && (
          <StatCard
            label="Error share"
            value={percent(totals.errorShare)}
            detail={`${formatNumber(totals.errors)} errors${totalsBefore ? ` · before ${percent(totalsBefore.errorShare)}` : ''}`}
            tone={(totals.errorShare ?? 0) > HIGH_ERROR_SHARE_PCT ? 'bad' : undefined}
          />
        )}
      </StatCards>
      <p className="muted explore-facts">
        Before: {spanOf(before)}, {countDays(days) === 1 ? 'the day' : `the ${countDays(days)} days`} before.
        {each && ' Sessions and users are distinct on each day; the mean is over days with events.'}
      </p>
    </>
  );
}

/** Answers to this question, and not to the one before it. */
function settled<Row>({ data, isPlaceholderData }: Asked<Row>): Row[] | undefined {
  return isPlaceholderData ? undefined : data?.results;
}

function compared(now: number, before: number, soFar: string): string {
  const change = changeText(now, before);
  return `${change ? `${change}${soFar} · ` : ''}before ${formatNumber(before)}`;
}

function percent(share: number | undefined): string {
  return share === undefined ? '–' : formatPercent(share);
}

function spanOf({ from, to }: { from: string; to: string }): string {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });
  return format.formatRange(Date.parse(from), Date.parse(to));
}
