import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser, openPage, whyNoBrowser } from '../support/browser.ts';
import { Workshop } from '../support/workshop.ts';

const reason = whyNoBrowser();
if (reason !== undefined) process.stderr.write(`\nSKIPPED test/browser: ${reason}\n\n`);

const NO_ADDRESS = { returnAddress: undefined };
const TYPED = {
  Recipient: 'Contoso',
  Street: 'One Way 1',
  'Postal code': '98052',
  City: 'Redmond',
  'Country or region': 'USA',
  Phone: '555 0100',
  'E-mail': 'it@contoso.example',
};

/** A day at the station, on the page in a real browser: parcels, alerts, and jobs that do not go on. */
describe.skipIf(reason !== undefined)('parcels and alerts on the page', () => {
  let browser: Browser;
  let workshop: Workshop;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    workshop = await Workshop.open({ broken: ['BROKEN01'] });
    page = await openPage(browser, { width: 820, height: 1180 });
    complaints = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(workshop.url);
    await page.getByText('live', { exact: true }).waitFor();
  });
  afterEach(async () => {
    await page?.close();
    await workshop?.[Symbol.asyncDispose]();
    expect(complaints).toEqual([]);
  });

  const button = (name: string | RegExp, within: Page | Locator = page) =>
    within.getByRole('button', { name, exact: typeof name === 'string' });
  const job = (name: string) => page.locator(`[data-job="${name}"]`);
  const alert = (title: string) => page.getByRole('article', { name: title });
  const ticks = () => page.getByRole('region', { name: /Unpacking/u }).getByRole('listitem');
  const counts = (words: string) => page.locator('.count', { hasText: words }).waitFor();
  const heard = () => page.locator('#announcer').textContent();
  const choose = async (name: string, way: string) => {
    await job(name).getByText('More', { exact: true }).click();
    await button(way, job(name)).click();
  };

  it('ticks the drives of a parcel off as they are plugged in, and asks about the rest', async () => {
    const created = await workshop.createJob('contoso', ['SERIAL01', 'SERIAL02', 'SERIAL03']);
    await button('Check in its parcel', job('contoso')).click();
    await page.getByLabel('Carrier').fill('FedEx');
    await page.getByLabel('Tracking number').fill('9405 5036');
    await button('Begin to unpack').click();
    await counts('0 of 3 here');
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('parcel-title');

    await workshop.plug('Bay 1', 'SERIAL02');
    await counts('1 of 3 here');
    await workshop.plug('Bay 2', 'STRANGER');
    await page.getByText('on no list: set it aside (Bay 2)').waitFor();
    expect(await ticks().allInnerTexts()).toEqual([
      expect.stringMatching(/missing:\s*SERIAL01\s*not yet/u),
      expect.stringMatching(/in the parcel:\s*SERIAL02\s*Bay 1, verified/u),
      expect.stringMatching(/missing:\s*SERIAL03/u),
      expect.stringMatching(/extra drive:\s*STRANGER/u),
    ]);

    await button('The parcel is unpacked').click();
    const dialog = page.getByRole('dialog', { name: '2 drives were not in the parcel of contoso' });
    expect(await dialog.getByRole('listitem').allInnerTexts()).toEqual(['SERIAL01', 'SERIAL03']);
    await button(/^Never received/u, dialog).click();
    await page.getByRole('region', { name: /Unpacking/u }).waitFor({ state: 'detached' });
    const drives = await workshop.ledger.drivesOf(created.id);
    expect(drives.map(({ state }) => state.name)).toEqual([
      'NeverReceived',
      'Completed',
      'NeverReceived',
    ]);
    const [parcel] = await workshop.ledger.parcels.ofJob(created.id);
    expect(parcel?.shipment).toEqual({ carrierName: 'FedEx', trackingNumber: '9405 5036' });
  });

  it('unpacks one parcel at a time, and one that held everything without a question', async () => {
    await workshop.createJob('contoso', ['SERIAL01']);
    await workshop.createJob('fabrikam', ['SERIAL09']);
    await button('Check in its parcel', job('contoso')).click();
    await button('Begin to unpack').click();
    await job('fabrikam').getByText('after the parcel of contoso').waitFor();
    await workshop.plug('Bay 1', 'SERIAL01');
    await counts('1 of 1 here');
    await button('The parcel is unpacked').click();
    await button('Check in its parcel', job('fabrikam')).waitFor();
  });

  it('packs a job and records its way back: Completed', async () => {
    const returnShipping = { carrierName: 'DHL', carrierAccountNumber: '989ffff' };
    const created = await workshop.createJob('contoso', ['SERIAL01'], { returnShipping });
    await workshop.plug('Bay 1', 'SERIAL01');
    await button('Pack', job('contoso')).click();
    const packing = page.getByRole('region', { name: 'Packing list of contoso' });
    await packing.getByText('Still plugged in: SERIAL01 (Bay 1).').waitFor();
    expect(await button('It was given to the carrier', packing).isDisabled()).toBe(true);
    await workshop.pull('Bay 1');
    await packing.getByText('Still plugged in').waitFor({ state: 'detached' });

    await packing.getByRole('checkbox', { name: 'SERIAL01 verified' }).check();
    expect(await packing.locator('address').innerText()).toContain('Redmond 98052');
    expect(await packing.getByLabel('Carrier').inputValue()).toBe('DHL');
    await packing.getByLabel('Tracking number').fill('JD0146000039');
    await button('It was given to the carrier', packing).click();
    await packing.waitFor({ state: 'detached' });
    await page.locator('.done').getByText('on its way back').waitFor();
    expect(await workshop.stateOf(created)).toBe('Completed');
    await page.getByText('1 finished lately').waitFor();
    expect(await job('contoso').count()).toBe(0);
  });

  it('takes the address that the customer gave late, and closes a job with a lost drive', async () => {
    const drives = ['SERIAL01', 'SERIAL02'];
    const created = await workshop.createJob('contoso', drives, NO_ADDRESS);
    await workshop.plug('Bay 1', 'SERIAL01');
    await choose('contoso', 'Stop waiting …');
    await button('Stop waiting', page.getByRole('dialog')).click();
    await workshop.pull('Bay 1');
    await alert('Return address missing').waitFor();
    await button('Pack', job('contoso')).click();
    const packing = page.getByRole('region', { name: 'Packing list of contoso' });
    await packing.getByText('SERIAL02').locator('..').getByText('never came').waitFor();
    for (const [label, words] of Object.entries(TYPED)) {
      await packing.getByLabel(label, { exact: true }).fill(words);
    }
    await button('Put in the address', packing).click();
    await packing.locator('address').getByText('Contoso', { exact: true }).waitFor();
    await alert('Return address missing').waitFor({ state: 'detached' });
    await packing.getByLabel('Carrier').fill('UPS');
    await packing.getByLabel('Tracking number').fill('1Z999');
    await packing.getByLabel(/^Day/u).fill('2026-11-24');
    await button('It was given to the carrier', packing).click();
    await page.getByText('1 finished lately').waitFor();
    expect(await workshop.stateOf(created)).toBe('Closed');
    const { details } = (await workshop.ledger.jobByName(created.id)) ?? {};
    expect(details?.returnPackage).toMatchObject({ carrierName: 'UPS', shipDate: '2026-11-24' });
    expect(details?.returnAddress).toMatchObject({ city: 'Redmond', email: 'it@contoso.example' });
  });

  it('lets an operator look after an alert, and end what cannot be copied', async () => {
    const created = await workshop.createJob('contoso', ['BROKEN01', 'SERIAL02']);
    await workshop.plug('Bay 3', 'BROKEN01');
    // The card and the alert are about one drive.
    await page.getByRole('link', { name: '1 needs you' }).waitFor();
    const faulted = alert('Drive needs you');
    await faulted.getByText('contoso · BROKEN01 · Bay 3').waitFor();
    await button('I look after it', faulted).click();
    await page
      .getByRole('dialog', { name: 'Who looks after it?' })
      .getByLabel('Your name')
      .fill('Maria Q');
    await page.keyboard.press('Enter');
    await faulted.getByText('Maria.Q looks after it').waitFor();
    await page.getByText('Nothing needs you').waitFor();
    expect(await page.getByLabel('Your name').inputValue()).toBe('Maria Q');

    await faulted.getByText('Resolve').click();
    await faulted.getByLabel(/^Note/u).fill('clicks, and does not spin');
    await button(/^End without a copy/u, faulted).click();
    await button('No, go back').click();
    await button(/^End without a copy/u, faulted).click();
    await button('End without a copy', page.getByRole('dialog')).click();
    await faulted.waitFor({ state: 'detached' });
    const [drive] = await workshop.ledger.drivesOf(created.id);
    expect(drive?.state.name).toBe('CompletedMoreInfo');
    expect(drive?.verdict?.reasons[0]?.words).toContain('clicks, and does not spin');
    const [resolved] = await workshop.ledger.alerts.list('all');
    expect(resolved?.resolved).toMatchObject({ by: 'Maria.Q', resolution: 'end-without-copy' });
  });

  it('ties an extra drive to the parcel that it came in', async () => {
    const created = await workshop.createJob('contoso', ['SERIAL01']);
    await workshop.plug('Bay 5', 'STRANGER');
    const card = page.locator('[data-bay="Bay 5"]');
    await card.getByLabel('It came in the parcel of').selectOption('contoso');
    await button('Put in', card).click();
    await card.getByText('it goes back with the parcel of contoso').waitFor();
    expect(await workshop.ledger.parcels.extras('here')).toMatchObject([{ jobId: created.id }]);
    await alert('Extra drive').getByText('contoso · Bay 5').waitFor();
  });

  it('puts a job aside with a reason, shows it, and lets it go on', async () => {
    const created = await workshop.createJob('contoso', ['SERIAL01']);
    await choose('contoso', 'Put aside …');
    await page.getByLabel('Why').fill('the account is being moved');
    await button('Put it aside').click();
    await job('contoso').getByText('the account is being moved').waitFor();
    await workshop.plug('Bay 1', 'SERIAL01');
    expect(await workshop.stateOf(created)).toBe('Faulted');
    await choose('contoso', 'Let it go on');
    await alert('Job put aside').waitFor({ state: 'detached' });
    await job('contoso').getByText('Packaging').waitFor();
  });

  it('cancels a job only after a question', async () => {
    const created = await workshop.createJob('contoso', ['SERIAL01']);
    await choose('contoso', 'Cancel …');
    await page.keyboard.press('Escape');
    expect((await workshop.ledger.jobByName('contoso'))?.cancelRequested).toBe(false);
    await choose('contoso', 'Cancel …');
    await button('Cancel the job').click();
    await job('contoso').getByText('cancelled').waitFor();
    await choose('contoso', 'Stop waiting …');
    await button('Stop waiting', page.getByRole('dialog')).click();
    // Nothing of it came, and a cancelled job asks for no drive.
    await page.getByText('1 finished lately').waitFor();
    expect(await workshop.stateOf(created)).toBe('Completed');
  });

  it('says why the station refused', async () => {
    await workshop.createJob('contoso', ['SERIAL01']);
    await page.route('**/cancel', (route) =>
      route.fulfill({ status: 409, json: { error: { message: 'It is being packed.' } } }),
    );
    await choose('contoso', 'Cancel …');
    await button('Cancel the job').click();
    await page.getByRole('alert').getByText('It is being packed.').waitFor();
    complaints = complaints.filter((words) => !words.includes('409'));
  });

  it('is usable with the keyboard alone, and keeps its place', async () => {
    await workshop.createJob('contoso', ['BROKEN01']);
    await workshop.plug('Bay 3', 'BROKEN01');
    await alert('Drive needs you').waitFor();
    await page.getByLabel('Your name').fill('maria');
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
    const tabTo = async (words: string) => {
      for (let presses = 0; presses < 40; presses++) {
        if ((await focused()).startsWith(words)) return;
        await page.keyboard.press('Tab');
      }
      expect(await focused()).toBe(words);
    };
    await tabTo('I look after it');
    await page.keyboard.press('Enter');
    await alert('Drive needs you').getByText('maria looks after it').waitFor();
    await tabTo('Resolve');
    await page.keyboard.press('Enter');
    await tabTo('End without a copy');
    await page.keyboard.press('Enter');
    // The safe answer has the focus; Escape gives it too, and leads back to the button.
    await expect.poll(focused).toBe('No, go back');
    await page.keyboard.press('Escape');
    await expect.poll(focused).toMatch(/^End without a copy/u);
    await tabTo('More');
    await page.keyboard.press('Enter');
    await tabTo('Put aside …');
    await page.keyboard.press('Escape');
    await expect.poll(focused).toBe('More');
    await expect.poll(() => button('Put aside …').isVisible()).toBe(false);
  });

  it('moves on to the heading when what had the focus is gone', async () => {
    await workshop.createJob('contoso', ['BROKEN01']);
    await workshop.plug('Bay 3', 'BROKEN01');
    await workshop.plug('Bay 5', 'STRANGER');
    await alert('Drive needs you').getByText('Resolve').click();
    await button(/^End without a copy/u, alert('Drive needs you')).click();
    await button('End without a copy', page.getByRole('dialog')).click();
    await alert('Drive needs you').waitFor({ state: 'detached' });
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('alerts');
  });

  it('tells a screen reader what it shows', async () => {
    await workshop.createJob('contoso', ['SERIAL01', 'SERIAL02']);
    await button('Check in its parcel', job('contoso')).click();
    await button('Begin to unpack').click();
    await workshop.plug('Bay 1', 'SERIAL01');
    await expect.poll(heard).toContain('SERIAL01 is in the parcel, 1 of 2 here.');
    await workshop.plug('Bay 5', 'STRANGER');
    await expect.poll(heard).toContain('Alert: Extra drive. A disk STRANGER in Bay 5');
    const tree = await page.locator('main').ariaSnapshot();
    for (const part of [
      '- region "Unpacking a parcel of contoso":',
      '- text: "✓ in the parcel: SERI"',
      '- text: "missing: SERI"',
      '- button "The parcel is unpacked"',
      '- article "Bay 5":',
      '- region "Alerts 1 open":',
      '- article "Extra drive":',
      '- button "I look after it"',
      '- region "Jobs":',
    ]) {
      expect(tree).toContain(part);
    }
  });

  it('names every button, field and dialog', async () => {
    await workshop.createJob('contoso', ['BROKEN01', 'SERIAL02']);
    await workshop.plug('Bay 3', 'BROKEN01');
    await workshop.plug('Bay 5', 'STRANGER');
    await alert('Extra drive').waitFor();
    for (const summary of await page.locator('summary').all()) await summary.click();
    const nameless = await page
      .locator('button, summary, input, select, dialog, a, section, article, progress')
      .evaluateAll((elements) =>
        elements
          .filter((element) => {
            const { labels } = element as HTMLInputElement;
            const label = element.getAttribute('aria-labelledby') ?? '';
            const named = document.getElementById(label) ?? labels?.[0] ?? element;
            const words = element.getAttribute('aria-label') ?? named.textContent;
            return words?.trim() === '';
          })
          .map((element) => element.outerHTML),
      );
    expect(nameless).toEqual([]);
    const ids = await page.locator('[id]').evaluateAll((all) => all.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each([
    [1280, 800],
    [820, 1180],
    [360, 740],
  ])('fits a screen of %i by %i, packing list and dialogs too', async (width, height) => {
    await page.setViewportSize({ width, height });
    await workshop.createJob('contoso-with-a-long-name-of-a-job', ['SERIAL01']);
    await workshop.plug('Bay 1', 'SERIAL01');
    await workshop.plug('Bay 5', 'STRANGER');
    await button('Pack').click();
    await page.getByText('Into the box').waitFor();
    const overflow = () =>
      page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
    expect(await overflow()).toBe(0);
    await page.getByText('More', { exact: true }).click();
    expect(await overflow()).toBe(0);
    await button('Put aside …').click();
    const box = await page.getByRole('dialog').boundingBox();
    expect(box?.x).toBeGreaterThanOrEqual(0);
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(width);
  });
});
