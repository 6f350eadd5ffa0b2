import { alarm, ringing } from '../test/samples';
import { findings, healthRows, newest, worstTone } from './health';

const HISTORY = {
  start: '2026-03-09T14:00:00.000Z',
  step_seconds: 420,
  series: { free_bytes: [2e9, null, 1e9], journal_bytes: [5, null, null] },
};

test('nothing is found where all is calm or not known', () => {
  expect(findings(null, [alarm('speed_lag'), alarm('backup_age', { value: null })])).toEqual([]);
});

test('the worst is found first', () => {
  const found = findings('The pipeline is 70 seconds behind.', [
    alarm('lake_lag', { value: 290, threshold: 300 }),
    ringing('dead_letters', { sentence: '3 dead letters wait.' }),
  ]);
  expect(found.map(({ tone, sentence }) => `${tone}: ${sentence}`)).toEqual([
    'bad: The pipeline is 70 seconds behind.',
    'bad: 3 dead letters wait. Now: 1 min 30 s.',
    'warning: Lake lag rings above 5 min. Now: 4 min 50 s.',
  ]);
});

test('why nothing is taken is said once', () => {
  const alarms = [ringing('refusing'), ringing('stalled')];
  expect(findings('Free some space.', alarms)).toHaveLength(1);
  expect(findings(null, alarms)).toHaveLength(2);
});

test('rows have the time of their step, null where nothing ran, and their scale', () => {
  const rows = healthRows(HISTORY, [{ key: 'free_bytes', label: 'Free', color: '' }], 1e-9);
  expect(rows).toEqual([
    { at: '2026-03-09T14:00:00.000Z', values: { free_bytes: 2 } },
    { at: '2026-03-09T14:07:00.000Z', values: { free_bytes: null } },
    { at: '2026-03-09T14:14:00.000Z', values: { free_bytes: 1 } },
  ]);
  expect(healthRows(HISTORY, [{ key: 'nothing', label: '', color: '' }])).toEqual([]);
});

test('of many steps several stand in one row: the worst, or the mean of a rate', () => {
  const steps = (value: (step: number) => number | null) => Array.from({ length: 1_440 }, (_, step) => value(step));
  const history = {
    ...HISTORY,
    series: {
      lake_lag_seconds: steps((step) => step),
      free_bytes: steps((step) => step),
      events_per_second: steps((step) => (step < 1_436 ? step : null)),
    },
  };
  const rows = healthRows(
    history,
    Object.keys(history.series).map((key) => ({ key, label: key, color: '' })),
  );
  expect(rows).toHaveLength(360);
  expect(rows[1]).toEqual({
    at: '2026-03-09T14:28:00.000Z',
    values: { lake_lag_seconds: 7, free_bytes: 4, events_per_second: 5.5 },
  });
  expect(rows.at(-1)?.values.events_per_second).toBeNull();
});

test('the newest value is not an old one', () => {
  expect(newest(HISTORY, 'free_bytes')).toBe(1e9);
  expect(newest({ ...HISTORY, series: { free_bytes: [1, null, null, null] } }, 'free_bytes')).toBeNull();
  expect(newest(HISTORY, 'nothing')).toBeNull();
});

test('the worst of some tones', () => {
  expect(worstTone(['good', undefined, 'warning'])).toBe('warning');
  expect(worstTone(['warning', 'bad'])).toBe('bad');
  expect(worstTone([undefined])).toBe('good');
});
