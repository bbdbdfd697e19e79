import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { RING_BYTES } from '../../src/limits.ts';
import type { DriveView } from '../../src/serve/wire.ts';
import { startAzurite } from '../support/azurite.ts';
import type { Daemon } from '../support/daemon.ts';
import { kernelReads, MIB, type TestDisk } from '../support/disks.ts';
import { residentBytes } from '../support/processes.ts';
import { Rig } from '../support/rig.ts';

/** Four drives of a job at once, and a disk that is on no list and must not be touched. */

const LISTED: readonly TestDisk[] = [
  { serial: 'WD-WCC4N7XKPZ01', sizeBytes: 160 * MIB },
  { serial: 'ZC18QV4T', sizeBytes: 128 * MIB, sparseEveryBytes: MIB },
  { serial: 'S3YJNB0K90877', sizeBytes: 144 * MIB + 512, sparseEveryBytes: MIB },
  { serial: 'PHYG0421', sizeBytes: 200 * MIB, sparseEveryBytes: 4 * MIB },
];
const STRANGER: TestDisk = { serial: 'KV6H86XP', sizeBytes: 32 * MIB };
/** The ring of 64 MiB, Node, the SDK and two hash threads; see docs/LIMITS.md. */
const MEMORY_BOUND_BYTES = 288 * MIB;
/** Growth of one process after every buffer of its ring was used once. */
const GROWTH_BOUND_BYTES = 32 * MIB;
const SAMPLE_MS = 100;

test('four drives arrive at once, the fifth disk is not read, memory stays constant', {
  timeout: 600_000,
}, async () => {
  await using azurite = await startAzurite();
  await using rig = await Rig.start(azurite, 'five-disks');
  // Nobody is ahead before all are under way.
  rig.proxy.holdAfter(0);
  const { daemon } = rig;
  // Plugged before the station starts, so that its very first look is counted.
  await daemon.stop();
  const images = new Map<string, string>();
  for (const disk of LISTED) images.set(disk.serial, await rig.image(disk));
  for (const image of images.values()) await rig.plug(image);
  const stranger = await rig.plug(await rig.image(STRANGER), { bay: 'stranger' });
  const before = await kernelReads(stranger.name);
  daemon.launch();
  await daemon.ready();
  await rig.createJob(...images.keys());

  const memory = sampleMemory(daemon);
  await daemon.until(({ drives }) => isEachOf(drives, isCopied), 'all four are copied at once');
  rig.proxy.delayMs = () => 60;
  rig.proxy.open();
  await daemon.until(
    ({ drives }) => isEachOf(drives, (d) => (d.progress?.stagedBytes ?? 0) > RING_BYTES),
    'every buffer of every ring was used',
  );
  memory.warm();
  for (const [serial, image] of images) await rig.arrived(serial, image);
  const samples = await memory.end();

  expect(daemon.view?.disks.find(({ bay }) => bay === 'stranger')?.match.kind).toBe('extra');
  expect(await kernelReads(stranger.name)).toEqual(before);
  process.stdout.write(`memory of copy processes, in MiB: ${JSON.stringify(samples)}\n`);
  expect(samples.length).toBe(LISTED.length);
  for (const { early, late } of samples) {
    expect(Math.max(early, late) * MIB).toBeLessThan(MEMORY_BOUND_BYTES);
    expect((late - early) * MIB).toBeLessThan(GROWTH_BOUND_BYTES);
  }
});

/** One whose blocks were kept for long until the others came is told to have a slow store. */
function isCopied({ activity }: DriveView): boolean {
  return activity.kind === 'copying' || activity.kind === 'slow-storage';
}

function isEachOf(drives: readonly DriveView[], wanted: (drive: DriveView) => boolean): boolean {
  return drives.length === LISTED.length && drives.every(wanted);
}

/** The highest resident memory of every copy process before and after it was warm, in MiB. */
function sampleMemory(daemon: Daemon) {
  const peaks = new Map<number, { early: number; late: number }>();
  const stop = new AbortController();
  let phase: 'early' | 'late' = 'early';
  const sampling = (async () => {
    while (!stop.signal.aborted) {
      for (const { pid } of await daemon.copyProcesses()) {
        const mib = Math.round(((await residentBytes(pid)) ?? 0) / MIB);
        const peak = peaks.get(pid) ?? { early: 0, late: 0 };
        peaks.set(pid, { ...peak, [phase]: Math.max(peak[phase], mib) });
      }
      await sleep(SAMPLE_MS);
    }
  })();
  const warm = () => {
    phase = 'late';
  };
  const end = async () => {
    stop.abort();
    await sampling;
    return [...peaks.values()];
  };
  return { warm, end };
}
