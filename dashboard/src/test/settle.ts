import { act } from '@testing-library/react';
import { vi } from 'vitest';

const TURNS = 10;
const { setImmediate: nextTurn } = globalThis;

/** With fake timers: move the clock, and let streams, promises and React finish what they do. */
export function settle(milliseconds = 0): Promise<void> {
  return act(async () => {
    await turns();
    await vi.advanceTimersByTimeAsync(milliseconds);
    await turns();
  });
}

/** Streams of the platform take real turns of the event loop. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => nextTurn(resolve));
}
