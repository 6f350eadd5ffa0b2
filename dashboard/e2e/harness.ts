/** Pages in a browser of their own, and what every spec asks of them. */

import AxeBuilder from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { test as base, inject } from 'vitest';
import { type Person, world } from './world';

const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
const SCREENSHOTS = 'screenshots';
const PATIENCE_MS = 20_000;

interface Fixtures {
  /** What went wrong in the browser: console errors, violations of the policy, failed requests. Ends empty. */
  complaints: string[];
  /** Another page of somebody new, at an address of the server. */
  open: (person?: Person | null, options?: { url?: string }) => Promise<Page>;
  /** A page where nobody is signed in. */
  page: Page;
  /** A page of an administrator. */
  admin: Page;
  /** A page of somebody who may only read events. */
  reader: Page;
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads the names of what a fixture needs
  complaints: async ({}, use) => {
    const complaints: string[] = [];
    await use(complaints);
    expect(complaints).toEqual([]);
  },
  open: async ({ complaints }, use) => {
    const browser = await connect();
    await use(async (person = null, { url = world.url } = {}) => {
      const context = await browser.newContext({ baseURL: url, viewport: DESKTOP });
      context.setDefaultTimeout(PATIENCE_MS);
      if (person) await signIn(context, person);
      return openTab(context, complaints);
    });
    await browser.close();
  },
  page: async ({ open }, use) => use(await open()),
  admin: async ({ open }, use) => use(await open(world.admin)),
  reader: async ({ open }, use) => use(await open(world.reader)),
});

function connect(): Promise<Browser> {
  return chromium.connect(inject('browser'));
}

/** Another tab of a browser, which is listened to as well. */
export async function openTab(context: BrowserContext, complaints: string[]): Promise<Page> {
  const page = await context.newPage();
  page.on('console', (message) => {
    // Nobody is signed in yet: that is what the page asks for, and browsers call the answer an error.
    const isQuestion = message.location().url.includes('/v1/auth/') && message.text().includes('401');
    if (message.type() === 'error' && !isQuestion) complaints.push(`${message.location().url}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('response', (answer) => answer.status() >= 500 && complaints.push(`${answer.status()} ${answer.url()}`));
  return page;
}

/** As the form does it: the browser has the cookie from now on. */
export async function signIn(context: BrowserContext, person: Person): Promise<void> {
  const answer = await context.request.post('/v1/auth/login', { data: person });
  if (!answer.ok()) throw new Error(`signing in answered ${answer.status()}`);
}

/** Wait until a page has its heading, and nothing of it is on its way. */
export async function settled(page: Page, heading: string | RegExp): Promise<void> {
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  await expect.poll(() => page.getByText(/^Loading .* …$/).count()).toBe(0);
}

/** What axe finds to be serious or critical, as `rule: element`. */
export async function axe(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')} ${node.failureSummary}`));
}

/** By how many pixels the page itself can be scrolled sideways. */
export function sidewaysScroll(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** Be a phone. */
export function onPhone(page: Page): Promise<void> {
  return page.setViewportSize(PHONE);
}

/** A picture of the whole page in `screenshots/`, at the width that it has. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const { width } = page.viewportSize() ?? DESKTOP;
  await page.mouse.move(0, 0);
  await page.screenshot({ path: `${SCREENSHOTS}/${name}-${width}.png`, fullPage: true });
}

/** The number on a card of the live page. */
export async function cardNumber(page: Page, label: string): Promise<number> {
  const card = page.locator('.stat-card', { has: page.getByText(label, { exact: true }) });
  const text = await card.locator('.stat-card-value').textContent();
  return Number(text?.replaceAll(/[^\d.]/g, ''));
}
