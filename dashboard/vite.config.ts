import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const OUT = '../src/cloudpulse/dashboard';
const SERVER = process.env.CLOUDPULSE_URL ?? 'http://127.0.0.1:8080';
const LIBRARIES = {
  name: 'libraries',
  test: /node_modules\/(react|react-dom|scheduler|react-router|@tanstack|openapi-fetch)\//,
  priority: 1,
};
const SHARED = { name: 'shared', test: /src\/((api|events|ui)\/[^/]+|ui\/chart\/(chart|series|chart-frame)\.\w+)$/ };

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: 'es2023',
    // Everything comes from files: the content security policy allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What every page needs is a few files, not a file for each set of pages that share a module.
    rolldownOptions: { output: { codeSplitting: { groups: [LIBRARIES, SHARED] } } },
  },
  // The server sees the host that the browser sees, and so takes sign-ins of the page for those of its own.
  server: { proxy: Object.fromEntries(['/v1', '/readyz', '/.well-known'].map((path) => [path, { target: SERVER }])) },
  test: {
    environment: 'jsdom',
    globals: true,
    setupFiles: 'src/test-setup.ts',
    // A crowded machine is slow, not wrong.
    testTimeout: 20_000,
    include: ['src/**/*.test.{ts,tsx}'],
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      exclude: ['src/api/schema.d.ts', 'src/main.tsx', 'src/test/**', 'src/test-setup.ts'],
      thresholds: { lines: 80 },
    },
  },
});
