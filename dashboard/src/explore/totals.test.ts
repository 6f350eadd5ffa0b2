import { flatRows, timeRows } from './time-series';
import { changeText, meanOf, totalsOf } from './totals';

test('totals of counts', () => {
  const counts = [
    { event_type: 'click', event_count: 30 },
    { event_type: 'error', event_count: 10 },
  ] as const;
  expect(totalsOf(counts)).toEqual({ events: 40, errors: 10, errorShare: 25 });
  expect(totalsOf([])).toEqual({ events: 0, errors: 0, errorShare: undefined });
});

test('the mean of days', () => {
  const days = [
    { bucket: '', sessions: 10, users: 4 },
    { bucket: '', sessions: 21, users: 4 },
  ];
  expect(meanOf(days, 'sessions')).toBe(16);
  expect(meanOf(days, 'users')).toBe(4);
  expect(meanOf([], 'users')).toBe(0);
  expect(meanOf(undefined, 'users')).toBeUndefined();
});

test.each([
  [112, 100, '+12 %'],
  [900, 1_000, '−10 %'],
  [5, 5, '±0 %'],
  [5, 0, undefined],
])('%i after %i is %s', (now, before, text) => {
  expect(changeText(now, before)).toBe(text);
});

test('what was not counted is 0, and what was counted beside the buckets is kept', () => {
  const rows = timeRows(
    ['b', 'c'],
    ['click', 'error'],
    [
      { bucket: 'c', values: { click: 2 } },
      { bucket: 'c', values: { error: 1 } },
      { bucket: 'a', values: { click: 5 } },
    ],
  );
  expect(flatRows(rows)).toEqual([
    { bucket: 'a', click: 5, error: 0 },
    { bucket: 'b', click: 0, error: 0 },
    { bucket: 'c', click: 2, error: 1 },
  ]);
});
