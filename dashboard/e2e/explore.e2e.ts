import type { Page } from 'playwright-core';
import { cardNumber, settled, test } from './harness';
import { api } from './world';

const DAY_MS = 86_400_000;

/** What the API counts in the last seven days of UTC. */
async function counted(filters: Record<string, string> = {}): Promise<{ event_type: string; event_count: number }[]> {
  const day = (back: number) => new Date(Date.now() - back * DAY_MS).toISOString().slice(0, 10);
  const query = new URLSearchParams({ query_type: 'event_count', date_from: day(6), date_to: day(0), ...filters });
  return (await api(`/v1/query?${query}`)).results;
}

async function total(filters?: Record<string, string>): Promise<number> {
  return (await counted(filters)).reduce((sum, { event_count }) => sum + event_count, 0);
}

const byType = (page: Page) => page.getByRole('list', { name: 'Events by type' }).getByRole('listitem');

test('filters change the numbers to those that the API gives', async ({ reader }) => {
  await reader.goto('/explore?range=7d&tz=UTC');
  await settled(reader, 'Explore');
  const all = await total();
  await expect.poll(() => cardNumber(reader, 'Events')).toBe(all);

  await reader.getByRole('combobox', { name: 'Type' }).selectOption('click');
  await expect.poll(() => cardNumber(reader, 'Events')).toBe(await total({ event_type: 'click' }));
  expect(reader.url()).toContain('event_type=click');
  await expect.poll(() => byType(reader).count()).toBe(1);

  await reader.goto('/explore?range=7d&tz=UTC&source=mobile');
  await settled(reader, 'Explore');
  const mobile = await total({ source: 'mobile' });
  expect(mobile).toBeGreaterThan(0);
  expect(mobile).toBeLessThan(all);
  await expect.poll(() => cardNumber(reader, 'Events')).toBe(mobile);
  const types = await counted({ source: 'mobile' });
  await expect.poll(() => byType(reader).count()).toBe(types.length);
});
