import { EventTypeLabel } from '../events/event-type-label';
import { lookOf } from '../events/event-types';
import { BarList } from '../ui/chart/bar-list';
import type { Days } from '../ui/days';
import { formatPercent } from '../ui/format';
import { Block } from './block';
import { FilterButton, type OnFilter } from './filter-button';
import { totalsOf } from './totals';
import type { Asked, EventCount } from './use-questions';

/** Events by type, and the share of each. */
export function TypeCounts({ query, days, onFilter }: { query: Asked<EventCount>; days: Days; onFilter: OnFilter }) {
  return (
    <Block title="Events by type" query={query} csv={{ name: 'events-by-type', days }}>
      {({ results }) => (
        <BarList
          title="Events by type"
          items={results.map(({ event_type, event_count }) => ({
            key: event_type,
            label: (
              <span className="row">
                <FilterButton field="event_type" value={event_type} onFilter={onFilter}>
                  <EventTypeLabel type={event_type} />
                </FilterButton>
                <span className="muted">{formatPercent((100 * event_count) / totalsOf(results).events)}</span>
              </span>
            ),
            value: event_count,
            color: lookOf(event_type).color,
          }))}
        />
      )}
    </Block>
  );
}
