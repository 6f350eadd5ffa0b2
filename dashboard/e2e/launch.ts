/** One Chromium for all specs. */

import { chromium } from 'playwright-core';
import type { TestProject } from 'vitest/node';
import { CHROMIUM } from './chromium.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    browser: string;
  }
}

export default async function launch(project: TestProject): Promise<() => Promise<void>> {
  const server = await chromium.launchServer(CHROMIUM);
  project.provide('browser', server.wsEndpoint());
  return () => server.close();
}
