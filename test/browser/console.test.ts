import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StationView } from '../../src/serve/wire.ts';
import { launchBrowser, openPage, whyNoBrowser } from '../support/browser.ts';
import { type Serving, startServing } from '../support/serving.ts';
import {
  busyView,
  completedDrive,
  copyingDrive,
  diskOf,
  diskView,
  emptyView,
  faultedDrive,
  jobView,
  stationInfo,
} from '../support/views.ts';

const reason = whyNoBrowser();
if (reason !== undefined) process.stderr.write(`\nSKIPPED test/browser: ${reason}\n\n`);

function copying(share: number): StationView {
  const drive = copyingDrive('WD-WCC7K0AB12CD', 'Bay 1', share);
  return { ...emptyView(), jobs: [jobView()], drives: [drive], disks: [diskOf(drive)] };
}

describe.skipIf(reason !== undefined)('the console in a real browser', () => {
  let browser: Browser;
  let serving: Serving;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    serving = await startServing(copying(0.25));
    page = await openPage(browser, { width: 1280, height: 900 });
    complaints = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy/u.test(message.text())) complaints.push(message.text());
    });
    await page.goto(serving.server.url);
    await page.locator('[data-bay="Bay 1"]').waitFor();
  });
  afterEach(async () => {
    await page?.close();
    await serving?.close();
  });

  const card = (bay: string) => page.locator(`[data-bay="${bay}"]`);
  const shows = (bay: string, words: string) => card(bay).getByText(words).first().waitFor();

  it('shows what happens in the bays as it happens', async () => {
    await shows('Bay 1', '25.0');
    serving.publish(copying(0.5));
    await shows('Bay 1', '50.0');
    expect(await card('Bay 1').locator('progress').getAttribute('value')).toBe('50');
    const extra = diskView('Bay 9', { key: 'extra' });
    serving.publish({ ...copying(0.5), disks: [...copying(0.5).disks, extra] });
    await shows('Bay 9', 'extra drive');
    expect(await page.title()).toContain('(1)');
    serving.publish(copying(0.6));
    await card('Bay 9').waitFor({ state: 'detached' });
    expect(complaints).toEqual([]);
  });

  it('says "safe to remove" when the verdict does, and not while it cannot know', async () => {
    const drive = completedDrive('S3Z8NB0K712345', 'Bay 2');
    const view = { ...emptyView(), jobs: [jobView()], drives: [drive], disks: [diskOf(drive)] };
    expect(await page.getByText('Safe to remove').count()).toBe(0);
    serving.publish(view);
    await shows('Bay 2', 'Safe to remove');
    const detection = { mode: 'udev', known: false, reason: 'lsblk hangs.' } as const;
    serving.publish({ ...view, station: stationInfo({ detection }) });
    await page.getByText('The bays cannot be seen right now').waitFor();
    expect(await page.getByText('Safe to remove').count()).toBe(0);
  });

  it('reconnects after a restart of the station and shows what is true then', async () => {
    await serving.stopServer();
    await page.getByText('No connection to the station').waitFor();
    await serving.restart();
    serving.publish(copying(0.75));
    await shows('Bay 1', '75.0');
    await page.getByText('No connection to the station').waitFor({ state: 'detached' });
    await page.getByText('live', { exact: true }).waitFor();
  });

  it('survives a network that goes away and comes back', async () => {
    await page.context().setOffline(true);
    await serving.stopServer();
    await page.getByText('No connection to the station').waitFor();
    await serving.restart();
    await page.context().setOffline(false);
    serving.publish(copying(0.9));
    await shows('Bay 1', '90.0');
  });

  it('asks twice before a disk becomes a drive, and sends the person’s name', async () => {
    serving.publish(busyView());
    await page.getByLabel('Your name').fill('Maria Q');
    await page.getByLabel('Your name').press('Tab');
    const button = card('Bay 6').getByRole('button', { name: 'It says KV6H86XP' });
    await button.click();
    await page.getByRole('button', { name: 'No', exact: true }).click();
    expect(serving.asked).toEqual([]);
    await button.click();
    await page.getByRole('button', { name: 'Yes, I read it on the label' }).click();
    await expect
      .poll(() => serving.asked)
      .toEqual([
        {
          what: 'confirm',
          confirmation: { disk: 'near-1', jobName: 'job-1', driveId: 'KV6H86XP' },
          actor: 'Maria.Q',
        },
      ]);
  });

  it('can be used with the keyboard alone', async () => {
    serving.publish(busyView());
    const retry = card('Bay 3').getByRole('button', { name: 'Retry this drive' });
    await retry.waitFor();
    for (let presses = 0; presses < 20; presses++) {
      if (await retry.evaluate((element) => element === document.activeElement)) break;
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await expect
      .poll(() => serving.asked)
      .toEqual([
        {
          what: 'retry',
          drive: { jobName: 'job-1', driveId: 'ZA2B7XK9' },
          actor: 'console',
        },
      ]);
  });

  it('asks again with the same key when the connection was lost', async () => {
    const keys: (string | undefined)[] = [];
    await page.route('**/retry', async (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      await (keys.length === 1 ? route.abort('connectionreset') : route.continue());
    });
    serving.publish(busyView());
    await card('Bay 3').getByRole('button', { name: 'Retry this drive' }).click();
    await expect.poll(() => serving.asked.length).toBe(1);
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/u), keys[0]]);
    expect(await page.getByText('That did not work').count()).toBe(0);
  });

  it('ends a drive whose disk is lost, after it said what is lost with it', async () => {
    const bodies: unknown[] = [];
    await page.route('**/end-without-copy', async (route) => {
      bodies.push(route.request().postDataJSON());
      await route.fulfill({ json: {} });
    });
    serving.publish(busyView());
    const lost = page.getByRole('article', { name: 'Drive PL1331LAGXN5AH' });
    await lost.getByRole('button', { name: 'It is lost' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('are in no blob yet, and are lost with it').waitFor();
    await dialog.getByLabel('Why').fill('it fell');
    await dialog.getByRole('button', { name: 'End without a copy' }).click();
    await expect.poll(() => bodies).toEqual([{ reason: 'it fell' }]);
  });

  it('says what to do about a drive that needs a person, also while its disk is unplugged', async () => {
    const drive = { ...faultedDrive('ZA2B7XK9', 'Bay 3'), bay: null };
    serving.publish({ ...emptyView(), jobs: [jobView()], drives: [drive] });
    const absent = page.getByRole('article', { name: 'Drive ZA2B7XK9' });
    await absent.getByText('did not deliver 8 MiB').waitFor();
    await absent.getByText('Try another bay and cable').waitFor();
    expect(await absent.getByRole('button', { name: 'Retry this drive' }).count()).toBe(1);
  });

  it('fits a phone and names everything for a screen reader', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    serving.publish(busyView());
    await shows('Bay 6', 'which drive?');
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
    await page.getByRole('article', { name: 'Bay 3' }).waitFor();
    await page.getByRole('progressbar', { name: 'Stored of drive ZA2B7XK9' }).waitFor();
    await expect
      .poll(() => page.locator('#announcer').textContent())
      .toContain('Bay 6: which drive?');
  });
});
