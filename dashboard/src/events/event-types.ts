/** The types of events: their names for people, and their colours, which are the same in all charts. */

import type { components } from '../api/schema';
import type { Series } from '../ui/chart/series';

export type EventType = components['schemas']['EventCount']['event_type'];

interface Look {
  label: string;
  color: string;
}

const LOOKS: Record<EventType, Look> = {
  page_view: { label: 'Page view', color: 'var(--chart-1)' },
  click: { label: 'Click', color: 'var(--chart-2)' },
  api_call: { label: 'API call', color: 'var(--chart-3)' },
  form_submit: { label: 'Form submit', color: 'var(--chart-4)' },
  error: { label: 'Error', color: 'var(--chart-5)' },
  custom: { label: 'Custom', color: 'var(--chart-6)' },
};

export const EVENT_TYPES = Object.keys(LOOKS) as EventType[];

/** Label and colour; a type that is not known keeps its name. */
export function lookOf(type: string): Look {
  return LOOKS[type as EventType] ?? { label: type, color: 'var(--chart-6)' };
}

/** A series of a chart for each type. */
export function seriesOfTypes(types: readonly string[] = EVENT_TYPES): Series[] {
  return types.map((type) => ({ key: type, ...lookOf(type) }));
}
