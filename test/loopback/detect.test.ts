import { readFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Detector, type DetectorOptions } from '../../src/detect/detector.ts';
import type { AttachedDisk } from '../../src/domain/disk.ts';
import { countersOf, LoopBench, succeeds, whyNoLoopDevices } from './detect-bench.ts';

const missing = await whyNoLoopDevices();

async function benchWithDetector(options: Partial<DetectorOptions> = {}) {
  const bench = await LoopBench.create();
  onTestFinished(() => bench[Symbol.asyncDispose]());
  const log = () => undefined;
  const detector = await Detector.create(
    {
      loopbackDirectory: bench.directory,
      stateDirectory: bench.directory,
      settleMs: 300,
      scanIntervalMs: 100,
      safetyScanIntervalMs: 1000,
      bays: {},
      ...options,
    },
    { logger: { debug: log, info: log, warn: log, error: log }, now: () => performance.now() },
  );
  onTestFinished(() => detector.close());
  return { bench, detector };
}

/** Only the loop devices: the machine has disks of its own. */
function loops(detector: Detector): AttachedDisk[] {
  return detector.facts().disks.filter((disk) => disk.transport === 'loop');
}

describe.skipIf(missing !== undefined)(`real loop devices${missing ? ` (${missing})` : ''}`, () => {
  it('become facts with their identity, and stop to be when they are detached', async () => {
    const { bench, detector } = await benchWithDetector();
    const identity = { serial: ' wd-01 ', model: 'M', vendor: 'V', wwn: 'naa.5000c500a1b2c3d4' };
    const plugged = await bench.plug('one', { ...identity, bay: 'bay 3' });
    await expect.poll(() => loops(detector).length).toBe(1);
    expect(loops(detector)[0]).toMatchObject({
      key: `loop-${plugged.name}#${plugged.diskseq}`,
      devicePath: plugged.device,
      physicalPath: `loop-${plugged.name}`,
      bay: 'bay 3',
      sizeBytes: 1 << 20,
      kernelReadOnly: true,
      identity: {
        vendor: 'V',
        model: 'M',
        wwns: ['naa.5000c500a1b2c3d4'],
        serials: [{ source: 'identity-file', raw: ' wd-01 ' }],
      },
      ownUses: [],
    });
    await bench.unplug(plugged);
    await expect.poll(() => loops(detector).length).toBe(0);
    expect(detector.facts().known).toBe(true);
  });

  it('are not candidates without an identity file, outside the directory or without a directory', async () => {
    const { bench, detector } = await benchWithDetector({ settleMs: 0 });
    await using others = await LoopBench.create();
    await others.plug('foreign', { serial: 'FOREIGN' });
    await bench.plug('nameless');
    await expect.poll(() => loops(detector).length).toBe(1);
    expect(loops(detector)[0]?.exclusion).toBe('loopback-not-configured');
  });

  it('have another key when they are plugged in again', async () => {
    const { bench, detector } = await benchWithDetector({ settleMs: 0 });
    const first = await bench.plug('again', { serial: 'AGAIN' });
    await expect.poll(() => loops(detector).length).toBe(1);
    await bench.unplug(first);
    const second = await bench.plug('again', { serial: 'AGAIN' });
    expect(second.diskseq).not.toBe(first.diskseq);
    const key = `loop-${second.name}#${second.diskseq}`;
    await expect.poll(() => loops(detector).map((disk) => disk.key)).toEqual([key]);
  });

  it("are the station's own while they are mounted", async ({ skip }) => {
    skip(!(await succeeds('mkfs.ext4', ['-V'])), 'mkfs.ext4 is missing (e2fsprogs)');
    const { bench, detector } = await benchWithDetector({ settleMs: 0 });
    const format = (image: string) => succeeds('mkfs.ext4', ['-q', '-F', image]);
    const disk = await bench.plug('mounted', { serial: 'MOUNTED' }, { sizeBytes: 4 << 20, format });
    const uses = () => loops(detector).map((found) => found.ownUses.map((use) => use.kind));
    await expect.poll(uses).toEqual([[]]);
    {
      await using _mounted = await bench.mount(disk);
      await expect.poll(uses).toEqual([['mounted']]);
    }
    await expect.poll(uses).toEqual([[]]);
  });

  it('are never read or written by detection, the enumerating packages included', async () => {
    const { bench, detector } = await benchWithDetector({ settleMs: 200 });
    const disk = await bench.plug('untouched', { serial: 'UNTOUCHED' });
    const before = await countersOf(disk);
    await expect.poll(() => loops(detector).length).toBe(1);
    for (let scans = 0; scans < 20; scans++) await detector.rescan();
    expect(await countersOf(disk)).toEqual(before);
    // The counters do count: one read of ours shows.
    await readFile(disk.device);
    expect((await countersOf(disk))[1]).toBeGreaterThan(before[1] ?? 0);
  });
});
