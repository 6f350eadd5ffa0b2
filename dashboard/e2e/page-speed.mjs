/**
 * How soon the live page shows its numbers to somebody who has a cookie and nothing else, and what it loads.
 *
 * Takes `{"url", "person", "times"}` as JSON, and prints for each load of a new browser profile `{"seconds", "kilobytes"}`:
 * from the start of the navigation to the first numbers; what is transferred, compressed, until the chart is there too.
 */

import { chromium } from 'playwright-core';
import { CHROMIUM } from './chromium.mjs';

const { url, person, times } = JSON.parse(process.argv[2] ?? '{}');

/** @param {import('playwright-core').Browser} browser */
async function load(browser) {
  const context = await browser.newContext({ baseURL: url, viewport: { width: 1440, height: 900 } });
  await context.request.post('/v1/auth/login', { data: person });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  let bytes = 0;
  devtools.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await devtools.send('Network.enable');
  await page.addInitScript(markFirstNumbers);
  await page.goto('/live', { waitUntil: 'commit' });
  await page.locator('.recharts-bar').first().waitFor({ state: 'attached' });
  const [mark] = await page.evaluate(() => performance.getEntriesByName('numbers'));
  await context.close();
  return { seconds: (mark?.startTime ?? Number.NaN) / 1000, kilobytes: bytes / 1000 };
}

function markFirstNumbers() {
  const observer = new MutationObserver(() => {
    if (!document.querySelector('.stat-card-value')) return;
    performance.mark('numbers');
    observer.disconnect();
  });
  observer.observe(document, { childList: true, subtree: true });
}

const browser = await chromium.launch(CHROMIUM);
const loads = [];
for (let number = 0; number < times; number += 1) loads.push(await load(browser));
await browser.close();
console.log(JSON.stringify(loads));
