import { cardNumber, settled, test } from './harness';
import { api, sendEvent } from './world';

test('the numbers are those of the API, and move when an event is posted', async ({ reader }) => {
  await reader.goto('/live?minutes=60');
  await settled(reader, 'Live');
  const { total_events: before } = await api('/v1/realtime?lookback_minutes=60');
  await expect.poll(() => cardNumber(reader, 'Events')).toBe(before);

  await sendEvent({ event_type: 'custom', event_name: 'posted-by-a-spec' });
  await expect.poll(() => cardNumber(reader, 'Events'), { timeout: 10_000 }).toBe(before + 1);
  await reader
    .getByRole('cell', { name: /posted-by-a-spec/ })
    .first()
    .waitFor();
});
