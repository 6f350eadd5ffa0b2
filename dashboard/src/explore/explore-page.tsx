import { EVENT_TYPES } from '../events/event-types';
import { countDays } from '../ui/days';
import { QueryView } from '../ui/query-view';
import { Empty } from '../ui/states';
import { useNow } from '../ui/use-now';
import { useSearchState } from '../ui/use-search-state';
import { Dimmed } from './block';
import { Breakdown } from './breakdown';
import { Cards } from './cards';
import { EventsOverTime } from './events-over-time';
import { FilterBar } from './filter-bar';
import { RangeBar } from './range-bar';
import { RecentErrors } from './recent-errors';
import {
  daysOfSelection,
  type ExploreState,
  PARAMETERS,
  type Selection,
  type SetExplore,
  selectionOf,
} from './selection';
import { TopSessions } from './top-sessions';
import { totalsOf } from './totals';
import { TypeCounts } from './type-counts';
import { UniquesOverTime } from './uniques-over-time';
import { type Asked, type EventCount, useEventCounts } from './use-questions';
import './explore-page.css';

const MINUTE_MS = 60_000;

/** What happened in a range of days: numbers, charts and tables of the events that match. */
export default function ExplorePage() {
  const [state, set] = useSearchState(PARAMETERS);
  // At midnight "today" is another day.
  const selection = selectionOf(state, useNow(MINUTE_MS));
  const counts = useEventCounts(selection);
  return (
    <div className="stack">
      <h1>Explore</h1>
      <div className="card stack">
        <RangeBar state={state} days={daysOfSelection(selection)} set={set} />
        <FilterBar state={state} set={set} />
      </div>
      <QueryView query={counts} what="events">
        {({ results }) =>
          results.length === 0 ? (
            <Empty>No events on these days that match. Choose other days, or fewer filters.</Empty>
          ) : (
            <Answers counts={counts} results={results} selection={selection} state={state} set={set} />
          )
        }
      </QueryView>
    </div>
  );
}

function Answers(props: {
  counts: Asked<EventCount>;
  results: readonly EventCount[];
  selection: Selection;
  state: ExploreState;
  set: SetExplore;
}) {
  const { counts, results, selection, state, set } = props;
  const days = daysOfSelection(selection);
  const types = EVENT_TYPES.filter((type) => results.some(({ event_type }) => event_type === type));
  return (
    <>
      <Dimmed query={counts}>
        <Cards selection={selection} counts={results} />
      </Dimmed>
      <EventsOverTime selection={selection} types={types} interval={state.interval} set={set} />
      <div className="explore-pair">
        <TypeCounts query={counts} days={days} onFilter={set} />
        <Breakdown
          selection={selection}
          total={totalsOf(results).events}
          by={state.by}
          limit={state.values}
          sort={state.values_sort}
          set={set}
        />
      </div>
      {countDays(days) > 1 && <UniquesOverTime selection={selection} />}
      <TopSessions selection={selection} limit={state.sessions} sort={state.sessions_sort} set={set} />
      {['', 'error'].includes(state.event_type) && (
        <RecentErrors selection={selection} limit={state.errors} set={set} />
      )}
    </>
  );
}
