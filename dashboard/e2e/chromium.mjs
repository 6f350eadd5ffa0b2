/** How the Chromium of the machine is started: without a screen, and without anything that it would do by itself. */

/** @type {import('playwright-core').LaunchOptions} */
export const CHROMIUM = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};
