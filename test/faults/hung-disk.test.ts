import { expect, it } from 'vitest';
import { faultDisk, faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import type { DriveView } from '../../src/serve/wire.ts';
import { startAzurite } from '../support/azurite.ts';
import { MIB } from '../support/disks.ts';
import { Rig } from '../support/rig.ts';

const SERIAL = 'WD-WCC4N7XKPZ01';
const HANG = { kind: 'hang', offsetBytes: 22 * MIB, lengthBytes: 4096, maxSeconds: 60 } as const;
/** The unit allows 30 s between SIGTERM and SIGKILL. */
const STOPS_WITHIN_MS = 25_000;

const unavailable = faultDiskUnavailable();
if (unavailable !== undefined) {
  process.stdout.write(`SKIPPED: the stop beside a hung disk is not tested: ${unavailable}\n`);
}

it.skipIf(unavailable !== undefined)(
  'a disk that hangs does not keep the daemon from stopping, nor its copy from going on later',
  async () => {
    await using azurite = await startAzurite();
    await using rig = await Rig.start(azurite, 'hung-disk', { copy: { readHangMs: 6000 } });
    const image = await rig.image({ serial: SERIAL, sizeBytes: 48 * MIB });
    await using faulty = await faultDisk(image, { faults: [HANG] });
    await rig.createJob(SERIAL);
    await expect.poll(async () => (await faulty.counters()).hanging).toBeGreaterThan(0);
    const { exitCode, tookMs } = await rig.daemon.stop();
    expect(exitCode).toBe(0);
    expect(tookMs).toBeLessThan(STOPS_WITHIN_MS);
    await faulty.clear();
    rig.daemon.launch();
    await rig.arrived(SERIAL, image);
  },
);

it.skipIf(unavailable !== undefined)(
  'a disk is shown as pulled although the process that read it does not end',
  async () => {
    await using azurite = await startAzurite();
    await using rig = await Rig.start(azurite, 'pulled-from-hang');
    const image = await rig.image({ serial: SERIAL, sizeBytes: 48 * MIB });
    await using faulty = await faultDisk(image);
    rig.proxy.holdAfter(1);
    await rig.createJob(SERIAL);
    await rig.underWay(SERIAL);
    const [reader] = await rig.daemon.copyProcesses();
    // As one that hangs in the kernel: it hears nobody.
    process.kill(reader?.pid ?? 0, 'SIGSTOP');
    const pulled = faulty.disk.pull('clean-eof');
    const isUnplugged = ({ activity }: DriveView) => activity.kind === 'detached';
    await rig.daemon.untilDrive(SERIAL, isUnplugged, 'unplugged');
    expect(await rig.daemon.copyProcesses()).toEqual([reader]);
    await pulled;
  },
);
