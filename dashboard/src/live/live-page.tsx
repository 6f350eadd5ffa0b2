import { EVENT_TYPES } from '../events/event-types';
import { QueryView } from '../ui/query-view';
import { Select } from '../ui/select';
import { choice, textParameter, useSearchState } from '../ui/use-search-state';
import { EventTail } from './event-tail';
import { Freshness } from './freshness';
import { LiveNumbers } from './live-numbers';
import { TailFilters } from './tail-filters';
import { useRealtime } from './use-realtime';
import './live-page.css';

const MINUTES = [5, 15, 30, 60] as const;
const PARAMETERS = {
  minutes: choice(MINUTES, 15),
  type: choice(['', ...EVENT_TYPES], ''),
  app: textParameter(),
  session: textParameter(),
  user: textParameter(),
  text: textParameter(),
};

/** What happens now. */
export function LivePage() {
  const [{ minutes, ...filter }, set] = useSearchState(PARAMETERS);
  const live = useRealtime(minutes);
  return (
    <div className="stack">
      <div className="row spread">
        <div className="row">
          <h1>Live</h1>
          <Freshness live={live} />
        </div>
        <Select
          label="Last"
          isInline
          value={minutes}
          values={MINUTES}
          nameOf={(count) => `${count} minutes`}
          onChange={(minutes) => set({ minutes })}
        />
      </div>
      <QueryView query={live.query} what="live numbers">
        {(snapshot) => <LiveNumbers key={minutes} snapshot={snapshot} receivedAt={live.query.dataUpdatedAt} />}
      </QueryView>
      <section className="card stack long-table" aria-labelledby="newest">
        <h2 id="newest">Events as they come</h2>
        <TailFilters filter={filter} onChange={set} />
        <EventTail key={JSON.stringify(filter)} filter={filter} />
      </section>
    </div>
  );
}
