import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { faultDisk, faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { MIB } from '../support/disks.ts';
import { Rig } from '../support/rig.ts';

/** Disks that hang, and disks with bad places: each is one drive's trouble and nobody else's. */

const SICK = 'WD-WCC4N7XKPZ01';
const SIZE = 48 * MIB;
const BAD_AT = 22 * MIB + 8192;
const READ_HANG_MS = 6000;
const MAX_ATTEMPTS = 3;
/** The unit allows 30 s between SIGTERM and SIGKILL. */
const STOPS_WITHIN_MS = 25_000;

const unavailable = faultDiskUnavailable();
if (unavailable !== undefined) {
  process.stdout.write(`SKIPPED: hung disks and bad sectors are not tested: ${unavailable}\n`);
}

let azurite: Azurite;
let rig: Rig;
let jobs = 0;

describe.skipIf(unavailable !== undefined)('a disk in trouble', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(() => azurite.stop());
  afterEach(() => rig[Symbol.asyncDispose]());

  async function startRig(): Promise<void> {
    jobs++;
    const copy = { readHangMs: READ_HANG_MS, maxAttempts: MAX_ATTEMPTS, retryDelayMs: 100 };
    rig = await Rig.start(azurite, `trouble-${jobs}`, { copy });
    rig.proxy.delayMs = () => 40;
  }

  const sickDisk = () => rig.image({ serial: SICK, sizeBytes: SIZE });

  /** Waits until the disk keeps a read waiting. */
  async function hanging(faulty: Awaited<ReturnType<typeof faultDisk>>): Promise<void> {
    await expect
      .poll(async () => (await faulty.counters()).hanging, { timeout: 20_000 })
      .toBeGreaterThan(0);
  }

  const hang = (maxSeconds: number) =>
    ({ kind: 'hang', offsetBytes: BAD_AT, lengthBytes: 4096, maxSeconds }) as const;

  it('that hangs does not keep the daemon from stopping, nor its copy from going on later', async () => {
    await startRig();
    const image = await sickDisk();
    await using faulty = await faultDisk(image, { faults: [hang(60)] });
    await rig.createJob(SICK);
    await hanging(faulty);
    const { exitCode, tookMs } = await rig.daemon.stop();
    expect(exitCode).toBe(0);
    expect(tookMs).toBeLessThan(STOPS_WITHIN_MS);
    await faulty.clear();
    rig.daemon.launch();
    await rig.arrived(SICK, image);
  });

  it.each([
    { errno: 5, name: 'EIO' },
    { errno: 61, name: 'ENODATA' },
  ])('with a bad sector ($name) gives all others, and says which one is missing', async (bad) => {
    await startRig();
    const image = await sickDisk();
    const place = { offsetBytes: BAD_AT, lengthBytes: 512 };
    const fault = { kind: 'read-error', ...place, errno: bad.errno } as const;
    await using _faulty = await faultDisk(image, { faults: [fault] });
    await rig.createJob(SICK);
    await rig.daemon.untilDrive(SICK, (d) => d.state === 'CompletedMoreInfo', 'settled');
    const drive = rig.daemon.drive(SICK);
    expect(drive).toMatchObject({
      copyStatus: 'CompletedWithErrors',
      verdict: { safeToRemove: false, verifiedBytes: SIZE - 512 },
      progress: { stagedBytes: SIZE },
      logs: { problem: null },
    });
    expect(drive?.verdict?.reasons[0]?.words).toContain(`bytes ${BAD_AT}-${BAD_AT + 511}`);
    expect(drive?.logs?.rescueMapUri).toMatch(/_rescue\.map$/u);
    const expected = await readFile(image);
    expected.fill(0, BAD_AT, BAD_AT + 512);
    expect(await rig.blobDigest(SICK)).toBe(createHash('sha256').update(expected).digest('hex'));
    const { count } = await rig.ledger();
    expect(count('copy-attempt-begun')).toBe(1);
  });

  it('with a weak sector arrives whole, in the first attempt', async () => {
    await startRig();
    const image = await sickDisk();
    const weak = { kind: 'read-error', offsetBytes: BAD_AT, lengthBytes: 512 } as const;
    await using _faulty = await faultDisk(image, { faults: [{ ...weak, errno: 5, times: 2 }] });
    await rig.createJob(SICK);
    await rig.arrived(SICK, image);
  });
});
