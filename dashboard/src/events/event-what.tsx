import './event-what.css';

interface Told {
  event_name?: string | null;
  properties: Record<string, unknown>;
  metadata: Record<string, string>;
}

/** What an event is about, in a few words. */
export function EventWhat({ event }: { event: Told }) {
  return <span className="event-what">{whatOf(event)}</span>;
}

function whatOf({ event_name, properties, metadata }: Told): string {
  const { page, path, endpoint, url, message, name } = { ...metadata, ...properties } as Record<string, unknown>;
  const about = [event_name, message, endpoint, page ?? path ?? url, name].filter((part) => typeof part === 'string');
  return about.slice(0, 2).join(' · ') || '–';
}
