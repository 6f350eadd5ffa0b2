import { paceOf, untilEnded } from './polling';

test.each([
  ['waiting', 1_000],
  ['running', 1_000],
  ['done', false],
  ['failed', false],
] as const)('a run that is %s is asked for again: %s', (status, pace) => {
  expect(untilEnded({ state: { data: { status } } })).toBe(pace);
});

test('what could not be had is not asked for again by itself', () => {
  expect(untilEnded({ state: { data: undefined } })).toBe(false);
});

test('a list is asked for often while something of it runs', () => {
  expect(paceOf([{ status: 'done' }, { status: 'running' }])).toBe(1_000);
  expect(paceOf([{ status: 'done' }, { status: 'failed' }])).toBe(10_000);
});
