import { bucketsOf, dayIn, daysBefore, daysOf, defaultInterval, intervalsFor } from './days';

const NOTHING = { from: '', to: '' };

test.each([
  ['today', '2026-03-09', '2026-03-09'],
  ['yesterday', '2026-03-08', '2026-03-08'],
  ['7d', '2026-03-03', '2026-03-09'],
  ['30d', '2026-02-08', '2026-03-09'],
  ['90d', '2025-12-10', '2026-03-09'],
  ['month', '2026-03-01', '2026-03-09'],
  ['last-month', '2026-02-01', '2026-02-28'],
  ['custom', '2026-03-09', '2026-03-09'],
] as const)('%s is %s to %s', (range, from, to) => {
  expect(daysOf(range, NOTHING, '2026-03-09')).toEqual({ from, to });
});

test('days that were chosen the wrong way round are turned', () => {
  const days = { from: '2026-03-05', to: '2026-02-27' };
  expect(daysOf('custom', days, '2026-03-09')).toEqual({ from: '2026-02-27', to: '2026-03-05' });
});

test('before a range lie as many days', () => {
  expect(daysBefore({ from: '2026-03-01', to: '2026-03-07' })).toEqual({ from: '2026-02-22', to: '2026-02-28' });
});

test('the day is that of the zone', () => {
  const moment = Date.parse('2026-03-09T23:30:00Z');
  expect(dayIn('UTC', moment)).toBe('2026-03-09');
  expect(dayIn('Europe/Berlin', moment)).toBe('2026-03-10');
  expect(dayIn('America/New_York', Date.parse('2026-03-09T02:00:00Z'))).toBe('2026-03-08');
});

test('buckets begin at the midnights of the zone, also where clocks change', () => {
  const days = { from: '2026-03-28', to: '2026-03-30' };
  const later = Date.parse('2026-04-30');
  expect(bucketsOf(days, 'Europe/Berlin', 'day', later)).toEqual([
    '2026-03-27T23:00:00Z',
    '2026-03-28T23:00:00Z',
    '2026-03-29T22:00:00Z',
  ]);
  expect(bucketsOf(days, 'Europe/Berlin', 'hour', later)).toHaveLength(24 + 23 + 24);
  expect(bucketsOf({ from: '2026-03-09', to: '2026-03-09' }, 'Asia/Kolkata', 'hour', later)[0]).toBe(
    '2026-03-08T18:30:00Z',
  );
});

test.each([
  ['2026-10-04', ['2026-10-03T13:30:00Z', '2026-10-03T14:30:00Z', '2026-10-03T15:00:00Z', '2026-10-03T16:00:00Z']],
  ['2026-04-05', ['2026-04-04T13:00:00Z', '2026-04-04T14:00:00Z', '2026-04-04T14:30:00Z', '2026-04-04T15:30:00Z']],
])('hours are those that the server counts where clocks change by half an hour, on %s', (day, first) => {
  const buckets = bucketsOf({ from: day, to: day }, 'Australia/Lord_Howe', 'hour', Date.parse('2026-12-01'));
  expect(buckets.slice(0, 4)).toEqual(first);
  expect(buckets).toHaveLength(day === '2026-10-04' ? 24 : 25);
});

test('buckets that have not begun are left out', () => {
  const today = { from: '2026-03-09', to: '2026-03-09' };
  const buckets = bucketsOf(today, 'UTC', 'hour', Date.parse('2026-03-09T02:00:00Z'));
  expect(buckets).toEqual(['2026-03-09T00:00:00Z', '2026-03-09T01:00:00Z', '2026-03-09T02:00:00Z']);
});

test.each([
  [1, 'hour', ['minute', 'hour', 'day']],
  [7, 'hour', ['hour', 'day']],
  [30, 'day', ['hour', 'day']],
  [90, 'day', ['day']],
])('%i days are shown by %s', (days, byDefault, possible) => {
  expect(defaultInterval(days)).toBe(byDefault);
  expect(intervalsFor(days)).toEqual(possible);
});
