import { defineConfig } from 'vitest/config';

/** Specs in a real browser against a running server; `tests/browser/test_browser.py` starts both. */
export default defineConfig({
  test: {
    environment: 'node',
    globals: true,
    include: ['e2e/**/*.e2e.ts'],
    globalSetup: 'e2e/launch.ts',
    // They share a server and two cores.
    fileParallelism: false,
    isolate: false,
    // As long as the browser waits for what it looks for.
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 40_000,
    hookTimeout: 40_000,
  },
});
