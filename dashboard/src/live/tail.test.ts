import { MOST_ROWS, matches, merge, type TailEvent, type TailFilter } from './tail';

const ANY: TailFilter = { type: '', app: '', session: '', user: '', text: '' };

function event(id: string, more: Partial<TailEvent> = {}): TailEvent {
  return {
    event_id: id,
    event_type: 'click',
    event_name: null,
    timestamp: '2026-03-09T14:22:00.000000Z',
    received_at: '2026-03-09T14:22:01.000000Z',
    app: 'shop',
    source: 'web',
    session_id: 's1',
    user_id: 'u1',
    properties: { button: 'Buy' },
    metadata: { page: '/cart' },
    ...more,
  };
}

test('the last received stand first, each once', () => {
  const late = event('late', { received_at: '2026-03-09T14:22:02.000000Z' });
  const known = merge([], [event('a'), late]);
  expect(known.map((one) => one.event_id)).toEqual(['late', 'a']);
  expect(merge(known, [late]).map((one) => one.event_id)).toEqual(['late', 'a']);
});

test('no more rows are kept than are shown', () => {
  const many = Array.from({ length: 1_000 }, (_, index) =>
    event(`e${index}`, { received_at: new Date(index * 1000).toISOString() }),
  );
  const kept = merge(many.slice(0, 500), many.slice(500));
  expect(kept).toHaveLength(MOST_ROWS);
  expect(kept[0]?.event_id).toBe('e999');
});

test.each([
  [{ type: 'click' }, true],
  [{ type: 'error' }, false],
  [{ app: 'shop' }, true],
  [{ app: 'sho' }, false],
  [{ session: 's1', user: 'u1' }, true],
  [{ session: 's1', user: 'u2' }, false],
  [{ text: 'buy' }, true],
  [{ text: '/CART' }, true],
  [{ text: 'metadata' }, false],
] as const)('%j matches: %s', (filter, expected) => {
  expect(matches(event('a'), { ...ANY, ...filter })).toBe(expected);
});
