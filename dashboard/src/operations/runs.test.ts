import { facts, schedule, took } from './runs';

test.each([
  [schedule(null), 'when asked for'],
  [schedule('5 0 * * *'), 'daily at 00:05 UTC'],
  [schedule('0 * * * *'), 'hourly at :00'],
  [schedule('*/5 * * * *'), '*/5 * * * * (UTC)'],
  [schedule('5 0 * * 1'), '5 0 * * 1 (UTC)'],
  [schedule('5 */6 * * *'), '5 */6 * * * (UTC)'],
  [facts({ files: 3, day: '2026-03-09', days: [1] }), 'files: 3, day: 2026-03-09, days: [1]'],
  [facts(null), ''],
  [took('2026-03-09T14:00:00Z', '2026-03-09T14:00:04.2Z'), '4.2 s'],
  [took('2026-03-09T14:00:00Z', null), '–'],
])('%s', (words, expected) => {
  expect(words).toBe(expected);
});
