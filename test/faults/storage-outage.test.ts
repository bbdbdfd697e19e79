import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { plug } from '../../native-fixtures/loop-disk.ts';
import { BlobProxy } from '../../src/rehearsal/blob-proxy.ts';
import type { StationView } from '../../src/serve/wire.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { Daemon } from '../support/daemon.ts';
import {
  ACCOUNT,
  blobDigest,
  blobNameOf,
  fileDigest,
  jobOf,
  MIB,
  makeImage,
} from '../support/disks.ts';
import { readLedger } from '../support/ledger-file.ts';
import { residentBytes } from '../support/processes.ts';

/**
 * The store is stopped or killed in mid-copy, for longer than a rehearsal lasts. All other ways in which
 * it goes wrong are in the catalogue of faults.
 */

const OUTAGE_MS = Number(process.env.DRIVE_STATION_OUTAGE_MS ?? 12_000);
/** From the start of an outage until everybody must have been told. */
const TOLD_WITHIN_MS = 60_000;
/** What memory may differ by between the middle of an outage and its end. */
const MEMORY_SLACK_BYTES = 16 * MIB;
const SIZE_BYTES = 64 * MIB;
const JOB = 'outage';
const RUNNING = 'WD-WCC4N7XKPZ01';
const LATE = 'ZC18QV4T';

let azurite: Azurite;
let directory: string;
let proxy: BlobProxy;
let daemon: Daemon;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-outage-'));
  azurite = await startAzurite({ directory });
  proxy = await BlobProxy.start(azurite.blobEndpoint);
  const connectionString = proxy.connectionString(azurite.connectionString);
  daemon = await Daemon.start({
    storageAccounts: { [ACCOUNT]: { kind: 'connection-string', connectionString } },
  });
});

afterEach(async () => {
  await daemon[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await azurite.stop();
  await rm(directory, { recursive: true, force: true });
});

const account = () =>
  ({ kind: 'connection-string', connectionString: azurite.connectionString }) as const;

/** A copy that is under way, with some blocks safe and many to come. */
async function startCopy(): Promise<string> {
  const image = await makeImage(daemon.disksDirectory, { serial: RUNNING, sizeBytes: SIZE_BYTES });
  proxy.holdAfter(2);
  await plug(image);
  await daemon.createJob(jobOf(JOB, [RUNNING, LATE]));
  await daemon.untilDrive(
    RUNNING,
    ({ progress }) => (progress?.stagedBytes ?? 0) > 0,
    'some blocks are safe',
  );
  return image;
}

/** The store is started again over the same data. */
async function comeBack(): Promise<void> {
  azurite = await startAzurite({ directory });
  proxy.leadTo(azurite.blobEndpoint);
  proxy.change('pass');
  proxy.open();
}

async function arrived(serial: string, image: string): Promise<void> {
  await daemon.untilDrive(serial, ({ state }) => state === 'Completed', 'Completed');
  expect(await blobDigest(account(), blobNameOf(JOB, serial))).toBe(await fileDigest(image));
}

/** Attempts of each drive that the event log knows, and whether anything was ever faulted. */
async function attempts(): Promise<{ begun: number; faults: number }> {
  await daemon.stop();
  const { events, firstBrokenEvent, illegalMoves } = await readLedger(daemon.stateDirectory);
  expect({ firstBrokenEvent, illegalMoves }).toEqual({
    firstBrokenEvent: undefined,
    illegalMoves: [],
  });
  const count = (type: string) => events.filter((event) => event.type === type).length;
  return { begun: count('copy-attempt-begun'), faults: count('faulted') };
}

const waits = (view: StationView) =>
  view.drives.some((d) => d.driveId === RUNNING && d.activity.kind === 'waiting-for-storage');

describe('a store that is stopped for a while', () => {
  it('makes drives wait and nothing else; then all goes on by itself', {
    timeout: 240_000 + OUTAGE_MS,
  }, async () => {
    const image = await startCopy();
    // As a lost machine does it: its clients see broken connections, then refused ones.
    proxy.change('refuse', { cut: true });
    await azurite.stop();
    const view = await daemon.until(waits, 'the drive waits for the store', TOLD_WITHIN_MS);
    expect(view.station.storage).toMatchObject({ kind: 'away' });
    const seen = new Set<string>();
    const forget = daemon.onView(({ drives }) => {
      for (const d of drives) seen.add(`${d.driveId} ${d.state} ${d.activity.kind}`);
    });
    const lateImage = await makeImage(daemon.disksDirectory, { serial: LATE, sizeBytes: 40 * MIB });
    await plug(lateImage);
    const growth = await growthOfCopyOver(OUTAGE_MS);
    expect(growth).toBeLessThan(MEMORY_SLACK_BYTES);
    await daemon.untilDrive(
      LATE,
      ({ activity }) => activity.kind === 'waiting-for-storage',
      'it waits too',
    );
    expect(daemon.drive(LATE)).toMatchObject({
      state: 'Received',
      activity: { kind: 'waiting-for-storage' },
    });
    const ofRunning = [...seen].filter((line) => line.startsWith(RUNNING));
    expect(ofRunning).toEqual([`${RUNNING} Transferring waiting-for-storage`]);
    const ofLate = [
      'Specified idle',
      'Received idle',
      'Received queued',
      'Received waiting-for-storage',
    ];
    const allowed = [...ofRunning, ...ofLate.map((words) => `${LATE} ${words}`)];
    expect(allowed).toEqual(expect.arrayContaining([...seen]));
    forget();

    await comeBack();
    await arrived(RUNNING, image);
    await arrived(LATE, lateImage);
    expect(daemon.view?.station.storage).toEqual({ kind: 'ok' });
    expect(await attempts()).toEqual({ begun: 2, faults: 0 });
  });

  it('is asked anew what it holds when it was killed and forgot blocks', async () => {
    const image = await startCopy();
    process.kill(azurite.pid, 'SIGKILL');
    await azurite.stop();
    proxy.open();
    await daemon.until(waits, 'the drive waits for the store', TOLD_WITHIN_MS);
    await comeBack();
    await arrived(RUNNING, image);
    expect(await attempts()).toMatchObject({ faults: 0 });
  });
});

/** How much the one copy process grew over that time; it must be the same one at the end. */
async function growthOfCopyOver(ms: number): Promise<number> {
  const copies = await daemon.copyProcesses();
  const before = await residentBytes(copies[0]?.pid ?? 0);
  await sleep(ms);
  expect(await daemon.copyProcesses()).toEqual(copies);
  const after = await residentBytes(copies[0]?.pid ?? 0);
  return (after ?? Number.POSITIVE_INFINITY) - (before ?? 0);
}
