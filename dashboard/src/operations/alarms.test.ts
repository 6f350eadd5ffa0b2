import { alarm, ringing } from '../test/samples';
import { inWords, nameInWords, standing, thresholdInWords, worstFirst } from './alarms';

test.each([
  ['calm', alarm('speed_lag', { value: 48, threshold: 60 })],
  ['near', alarm('speed_lag', { value: 49, threshold: 60 })],
  ['near', alarm('dead_letters', { value: 1, threshold: 0 })],
  ['calm', alarm('disk_free', { value: 1_300, threshold: 1_024 })],
  ['near', alarm('disk_free', { value: 1_200, threshold: 1_024 })],
  ['unknown', alarm('backup_age', { value: null })],
  ['ringing', ringing('speed_lag')],
] as const)('%s: %o', (expected, one) => {
  expect(standing(one)).toBe(expected);
});

test('what rings comes first, the longest first, and then what is near', () => {
  const sorted = worstFirst([
    alarm('restarts'),
    alarm('speed_lag', { value: 59 }),
    ringing('rejects', { raised_at: '2026-03-09T15:00:00Z' }),
    alarm('backup_age', { value: null }),
    ringing('refusing', { raised_at: '2026-03-09T14:00:00Z' }),
  ]);
  expect(sorted.map(({ name }) => name)).toEqual(['refusing', 'rejects', 'speed_lag', 'backup_age', 'restarts']);
});

test.each([
  [inWords(62, 'seconds'), '1 min 2 s'],
  [inWords(12.34, '%'), '12.3 %'],
  [inWords(1, '1 or 0'), 'yes'],
  [inWords(1, 'batches'), '1 batch'],
  [inWords(1, 'letters'), '1 letter'],
  [inWords(3.26, 'times'), '3.3 times'],
  [inWords(20_000.4, 'batches'), '20,000 batches'],
  [thresholdInWords(alarm('disk_free', { threshold: 1_024, unit: 'MiB' })), 'rings below 1,024 MiB'],
  [thresholdInWords(alarm('lake_lag', { threshold: 300 })), 'rings above 5 min'],
  [thresholdInWords(alarm('refusing', { threshold: 0, unit: '1 or 0' })), 'rings when yes'],
  [nameInWords('dead_letters'), 'Dead letters'],
])('%s', (words, expected) => {
  expect(words).toBe(expected);
});
