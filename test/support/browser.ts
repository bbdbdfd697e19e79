import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

/** For whatever the page is waited for; a busy machine may take its time. */
const TIMEOUT_MS = 120_000;

/** Where the distribution's Chromium lies; another can be named in `DRIVE_STATION_CHROMIUM`. */
const CHROMIUM = process.env.DRIVE_STATION_CHROMIUM ?? '/usr/bin/chromium';

/** Why the browser tests cannot run here; `undefined` when they can. */
export function whyNoBrowser(): string | undefined {
  if (existsSync(CHROMIUM)) return undefined;
  return `there is no browser at ${CHROMIUM} (install Chromium or set DRIVE_STATION_CHROMIUM)`;
}

/** A headless browser of its own; the sandbox needs rights that a build container does not give. */
export function launchBrowser(): Promise<Browser> {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  return chromium.launch({ executablePath: CHROMIUM, args, timeout: TIMEOUT_MS });
}

export async function openPage(
  browser: Browser,
  viewport: { readonly width: number; readonly height: number },
): Promise<Page> {
  const page = await browser.newPage({ viewport });
  page.setDefaultTimeout(TIMEOUT_MS);
  return page;
}
