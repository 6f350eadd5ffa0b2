import { arrived, minuteRows, type Realtime, recentRate } from './realtime';

const SNAPSHOT: Realtime = {
  lookback_minutes: 5,
  total_events: 9,
  error_count: 1,
  error_rate_pct: 11.1,
  active_sessions: 4,
  by_event_type: { page_view: 8, error: 1 },
  timeline: [
    { minute: '2026-03-09T14:20', page_view: 5 },
    { minute: '2026-03-09T14:22', page_view: 3, error: 1 },
  ],
  as_of: '2026-03-09T14:22:30.000Z',
};
const now = Date.parse(SNAPSHOT.as_of);

test('each minute has a row, also those without events', () => {
  const rows = minuteRows(SNAPSHOT, now);
  expect(rows.map((row) => row.at.slice(11, 16))).toEqual(['14:17', '14:18', '14:19', '14:20', '14:21', '14:22']);
  expect(rows.map((row) => row.values)).toEqual([{}, {}, {}, { page_view: 5 }, {}, { page_view: 3, error: 1 }]);
});

test('the rows move on with the time', () => {
  expect(minuteRows(SNAPSHOT, now + 60_000).at(-1)).toEqual({ at: '2026-03-09T14:23:00.000Z', values: {} });
});

test('events of clocks that run ahead are shown', () => {
  const ahead = { ...SNAPSHOT, timeline: [{ minute: '2026-03-09T14:24', click: 1 }] };
  expect(minuteRows(ahead, now).at(-1)).toEqual({ at: '2026-03-09T14:24:00.000Z', values: { click: 1 } });
});

test('what arrived between two answers, in old and new minutes', () => {
  const after: Realtime = {
    ...SNAPSHOT,
    timeline: [
      { minute: '2026-03-09T14:21', click: 1 },
      { minute: '2026-03-09T14:22', page_view: 5, error: 1 },
      { minute: '2026-03-09T14:23', click: 2 },
    ],
  };
  expect(arrived(SNAPSHOT, after)).toBe(1 + 2 + 2); // the minute that is gone takes nothing away
  expect(arrived(after, after)).toBe(0);
});

test('the rate of the last two minutes', () => {
  expect(recentRate(SNAPSHOT, now)).toBeCloseTo(4 / 90);
});
