import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config.ts';
import type { DiskView } from '../../src/serve/wire.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { MIB } from '../support/disks.ts';
import { Rig } from '../support/rig.ts';

/** Disks that are pulled, come back elsewhere, come back as others, or come twice. */

const SERIAL = 'WD-WCC4N7XKPZ01';
const OTHER = 'ZC18QV4T';
const SIZE = 160 * MIB;
const NOTICED_WITHIN_MS = 1000;
/** Long enough for everything that must not happen. */
const QUIET_MS = 1500;

let azurite: Azurite;
let rig: Rig;
let jobs = 0;

beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.stop());
afterEach(() => rig[Symbol.asyncDispose]());

async function startRig(options: Parameters<typeof Rig.start>[2] = {}): Promise<Rig> {
  jobs++;
  rig = await Rig.start(azurite, `detach-${jobs}`, options);
  rig.proxy.delayMs = () => 250;
  return rig;
}

const diskIn = (bay: string): DiskView | undefined =>
  rig.daemon.view?.disks.find((disk) => disk.bay === bay);

const activityOf = (serial: string) => rig.daemon.drive(serial)?.activity.kind;

/** When the kernel began to show no disk there any more; a failing one is there for a while yet. */
async function whenGone(name: string): Promise<number> {
  while ((await readFile(`/sys/block/${name}/size`, 'utf8')).trim() !== '0') await sleep(10);
  return performance.now();
}

describe('a disk pulled in mid-copy', { timeout: 90_000 }, () => {
  it.each(['clean-eof', 'io-error'] as const)(
    'is noticed within a second (%s) and goes on in another bay',
    async (kind) => {
      // As it is delivered: what is noticed must not hang on how often a test scans.
      const { settleMs, scanIntervalMs } = configSchema.parse({}).detect;
      await startRig({ detect: { settleMs, scanIntervalMs } });
      const image = await rig.image({ serial: SERIAL, sizeBytes: SIZE });
      const disk = await rig.plug(image, { bay: 'left' });
      await rig.createJob(SERIAL);
      await rig.underWay(SERIAL, 8 * MIB);
      const gone = whenGone(disk.name);
      const pulled = disk.pull(kind);
      await rig.daemon.untilDrive(SERIAL, (d) => d.activity.kind === 'detached', 'detached');
      expect(performance.now() - (await gone)).toBeLessThan(NOTICED_WITHIN_MS);
      expect(rig.daemon.drive(SERIAL)).toMatchObject({
        state: 'Transferring',
        activity: { bay: 'left' },
      });
      await pulled;
      await rig.plug(image, { bay: 'right', avoid: [disk.name] });
      await rig.arrived(SERIAL, image);
      expect(rig.daemon.drive(SERIAL)?.bay).toBe('right');
      const { count } = await rig.ledger();
      expect({ attempts: count('copy-attempt-begun'), faults: count('faulted') }).toEqual({
        attempts: 2,
        faults: 0,
      });
    },
  );

  it('is taken up where it was when the station was restarted meanwhile', async () => {
    await startRig();
    const image = await rig.image({ serial: SERIAL, sizeBytes: SIZE });
    const disk = await rig.plug(image, { bay: 'left' });
    await rig.createJob(SERIAL);
    await rig.underWay(SERIAL, 20 * MIB);
    await rig.daemon.stop();
    await disk.unplug();
    await rig.plug(image, { bay: 'right', avoid: [disk.name] });
    rig.daemon.launch();
    await rig.arrived(SERIAL, image);
    // Three blocks were safe; at most the four in flight were sent twice.
    expect(rig.stagedOf(SERIAL)).toBeLessThanOrEqual(SIZE / (8 * MIB) + 4);
  });
});

describe('another disk with the same serial', { timeout: 90_000 }, () => {
  async function pulledInMidCopy(): Promise<string> {
    await startRig();
    const image = await rig.image({ serial: SERIAL, sizeBytes: SIZE });
    const disk = await rig.plug(image, { bay: 'left' });
    await rig.createJob(SERIAL);
    await rig.underWay(SERIAL, 12 * MIB);
    await disk.pull('clean-eof');
    await rig.daemon.untilDrive(SERIAL, (d) => d.activity.kind === 'detached', 'detached');
    return image;
  }

  it('of the same size is found out by its content: faulted, and no byte of it staged', async () => {
    const image = await pulledInMidCopy();
    const before = rig.proxy.staged.length;
    const false_ = await rig.image({ serial: SERIAL, sizeBytes: SIZE, seed: 'no', file: 'false' });
    const impostor = await rig.plug(false_, { bay: 'left' });
    await rig.daemon.untilDrive(SERIAL, (d) => d.state === 'Faulted', 'faulted');
    expect(rig.daemon.drive(SERIAL)).toMatchObject({
      fault: { code: 'disk-content-changed' },
      verdict: null,
    });
    expect(rig.proxy.staged.length).toBe(before);

    await impostor.unplug();
    await rig.plug(image, { bay: 'left' });
    await rig.daemon.client.retryDrive(rig.job, SERIAL, AbortSignal.timeout(5000));
    await rig.daemon.untilDrive(SERIAL, (d) => d.state !== 'Faulted', 'retried');
    await rig.arrived(SERIAL, image);
  });

  it('of another size is a question, and no byte of it staged; the first one goes on', async () => {
    const image = await pulledInMidCopy();
    const before = rig.proxy.staged.length;
    const sizeBytes = SIZE + 512;
    const larger = await rig.image({ serial: SERIAL, sizeBytes, seed: SERIAL, file: 'larger' });
    const impostor = await rig.plug(larger, { bay: 'left' });
    await rig.daemon.untilDrive(
      SERIAL,
      (d) => d.activity.kind === 'waiting-for-person',
      'a question',
    );
    await sleep(QUIET_MS);
    expect(rig.daemon.drive(SERIAL)?.state).toBe('Transferring');
    expect(rig.proxy.staged.length).toBe(before);

    await impostor.unplug();
    await rig.plug(image, { bay: 'left' });
    await rig.arrived(SERIAL, image);
  });
});

describe('two disks with one serial', { timeout: 90_000 }, () => {
  async function twins() {
    const image = await rig.image({ serial: SERIAL, sizeBytes: SIZE });
    const twin = await rig.image({ serial: SERIAL, sizeBytes: SIZE, seed: 'twin', file: 'twin' });
    return { image, twin };
  }

  /** The twin comes while the first one is being copied; gives the image of the first. */
  async function contestedInMidCopy(): Promise<string> {
    await startRig();
    const { image, twin } = await twins();
    await rig.plug(image, { bay: 'left' });
    await rig.createJob(SERIAL);
    await rig.underWay(SERIAL, 8 * MIB);
    await rig.plug(twin, { bay: 'right' });
    await rig.daemon.untilDrive(
      SERIAL,
      (d) => d.activity.kind === 'waiting-for-person',
      'a question',
    );
    return image;
  }

  it('both wait for a person; when one is pulled the other goes on', async () => {
    await startRig();
    const { image, twin } = await twins();
    await rig.plug(image, { bay: 'left' });
    const second = await rig.plug(twin, { bay: 'right' });
    await rig.createJob(SERIAL);
    await rig.daemon.until(
      () => ['left', 'right'].every((bay) => diskIn(bay)?.match.kind === 'ambiguous'),
      'both are a question',
    );
    await sleep(QUIET_MS);
    expect(await rig.daemon.copyProcesses()).toEqual([]);
    expect(activityOf(SERIAL)).toBe('waiting-for-person');
    expect(rig.proxy.staged).toEqual([]);
    await second.unplug();
    await rig.arrived(SERIAL, image);
  });

  it('stop a running copy; it goes on with the one that a person confirms', async () => {
    const image = await contestedInMidCopy();
    const before = rig.proxy.staged.length;
    await sleep(QUIET_MS);
    expect(rig.proxy.staged.length).toBe(before);
    expect(await rig.daemon.copyProcesses()).toEqual([]);
    const disk = diskIn('left')?.key ?? '';
    const answer = { disk, jobName: rig.job, driveId: SERIAL };
    await rig.daemon.client.confirmDisk(answer, AbortSignal.timeout(5000));
    await rig.arrived(SERIAL, image);
  });

  it('are told apart by content when a person confirms the wrong one', async () => {
    await contestedInMidCopy();
    const answer = { disk: diskIn('right')?.key ?? '', jobName: rig.job, driveId: SERIAL };
    await rig.daemon.client.confirmDisk(answer, AbortSignal.timeout(5000));
    await rig.daemon.untilDrive(SERIAL, (d) => d.state === 'Faulted', 'faulted');
    expect(rig.daemon.drive(SERIAL)?.fault?.code).toBe('disk-content-changed');
  });
});

describe('a disk that is pulled while it waits in the queue', { timeout: 90_000 }, () => {
  it('leaves the queue, and is copied when it comes back', async () => {
    await startRig({ copy: { maxDrives: 1 } });
    const image = await rig.image({ serial: SERIAL, sizeBytes: SIZE });
    const otherImage = await rig.image({ serial: OTHER, sizeBytes: 24 * MIB });
    await rig.plug(image);
    await rig.createJob(SERIAL, OTHER);
    await rig.underWay(SERIAL);
    const other = await rig.plug(otherImage);
    await rig.daemon.untilDrive(OTHER, (d) => d.activity.kind === 'queued', 'queued');
    await other.unplug();
    await rig.daemon.untilDrive(OTHER, (d) => d.activity.kind === 'idle', 'out of the queue');
    await rig.arrived(SERIAL, image);
    await sleep(QUIET_MS);
    expect(rig.daemon.drive(OTHER)).toMatchObject({ state: 'Received', bay: null });
    await rig.plug(otherImage, { bay: 'elsewhere' });
    await rig.arrived(OTHER, otherImage);
    expect((await rig.ledger()).count('copy-attempt-begun')).toBe(2);
  });
});
