import { group } from '../test/samples';
import { faults, outcomesInWords } from './letters';

test('a fault in the code of both layers is one fault', () => {
  const speed = group('speed', { last_parked_at: '2026-03-09T16:00:00Z' });
  const lake = group('lake', { first_parked_at: '2026-03-09T13:00:00Z' });
  const other = group('lake', { fingerprint: 'a001' });
  const [first, second] = faults([speed, other, lake]);
  expect(first).toMatchObject({
    fingerprint: 'f19b',
    layers: { speed, lake },
    firstAt: '2026-03-09T13:00:00Z',
    lastAt: '2026-03-09T16:00:00Z',
  });
  expect(second).toMatchObject({ fingerprint: 'a001', layers: { lake: other } });
});

test('outcomes are counted by layer', () => {
  const fails = { outcome: 'would_fail', reason: 'ValueError', is_new: false } as const;
  const letters = [
    { id: 'lake:j:1', events: 2, ...fails },
    { id: 'lake:j:2', events: 5, ...fails },
    { id: 'speed:j:1', events: 1, outcome: 'would_succeed', is_new: false } as const,
  ];
  expect(outcomesInWords(letters)).toEqual([
    'Lake: would fail again (ValueError), 2 letters, 7 events',
    'Live counters: would succeed, 1 letter, 1 event',
  ]);
});
