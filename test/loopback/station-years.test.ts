import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { StationClient } from '../../src/client/station-client.ts';
import { configSchema } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import type { StationView } from '../../src/serve/wire.ts';
import { Station } from '../../src/station.ts';
import { DAY_MS, ManualClock } from '../support/clock.ts';
import { ACCOUNT, jobOf } from '../support/disks.ts';

/** The whole station on a clock that is moved: what it does by itself over months. */

let directory: string;
let station: Station;
let client: StationClient;
const clock = new ManualClock('2026-01-01T00:00:00.000Z');

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-years-'));
  const disks = join(directory, 'disks');
  await mkdir(disks);
  const config = configSchema.parse({
    station: { stateDirectory: join(directory, 'state') },
    http: { port: 0 },
    detect: { loopbackDirectory: disks },
    storageAccounts: { [ACCOUNT]: { kind: 'directory', directory: join(directory, 'blobs') } },
  });
  station = await Station.create(config, createLog('error'), { clock });
  client = new StationClient({ url: station.url, actor: 'test' });
});
afterAll(async () => {
  await station?.close();
  await rm(directory, { recursive: true, force: true });
});

/** What the screens show once something is so. */
async function until(wanted: (view: StationView) => boolean): Promise<StationView> {
  for (;;) {
    const view = await client.view(AbortSignal.timeout(120_000));
    if (wanted(view)) return view;
  }
}

async function makeJob(body: object): Promise<void> {
  const made = await fetch(new URL('/api/v1/jobs', station.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(made.status).toBe(201);
}

test('alerts after two weeks, closes after 30 days more, and forgets after 90', async () => {
  await makeJob(jobOf('awaited', ['A1']));
  const { deliveryPackage: _, ...unshipped } = { deliveryPackage: {}, ...jobOf('drafted', ['B2']) };
  await makeJob(unshipped);
  await until(({ jobs }) => jobs.length === 2);
  clock.advance(14 * DAY_MS);
  const later = await until(({ alerts, jobs }) => alerts.length === 1 && jobs.length === 1);
  expect(later.alerts[0]).toMatchObject({ kind: 'package-missing', jobName: 'awaited' });
  clock.advance(30 * DAY_MS);
  const closed = await until(({ jobs }) => jobs[0]?.state === 'Closed');
  expect(closed).toMatchObject({ alerts: [], drives: [{ state: 'NeverReceived' }] });
  clock.advance(90 * DAY_MS);
  await until(({ jobs }) => jobs.length === 0);
  const answer = await fetch(new URL('/api/v1/jobs', station.url));
  expect(await answer.json()).toMatchObject({ jobs: [] });
});
