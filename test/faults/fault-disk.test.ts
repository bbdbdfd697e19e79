import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DiskReader, readDisk, startReader } from '../../native-fixtures/disk-reader.ts';
import {
  type DiskFault,
  type FaultDisk,
  faultDisk,
  faultDiskUnavailable,
} from '../../native-fixtures/fault-disk.ts';
import { contentAt, imageDigest, writeImage } from '../../native-fixtures/image.ts';
import { plug, releaseAll } from '../../native-fixtures/loop-disk.ts';

const MIB = 1024 * 1024;
const IMAGE = { seed: 'fault', sizeBytes: 16 * MIB };
const WHOLE = { offsetBytes: 0, lengthBytes: IMAGE.sizeBytes };
/** One bad place in the middle of the disk. */
const BAD = { offsetBytes: 8 * MIB, lengthBytes: 4096 };
/** As long as a fault disk hangs at most. */
const HANG_MAX_S = 60;

const unavailable = faultDiskUnavailable();
if (unavailable !== undefined) process.stderr.write(`fault disks are not tested: ${unavailable}\n`);

let directory: string;
let imagePath: string;
let faulty: FaultDisk;
const readers: DiskReader[] = [];

const setUp = async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-fault-'));
  imagePath = join(directory, 'disk.img');
  await writeImage(imagePath, IMAGE);
  faulty = await faultDisk(imagePath);
};

const tearDown = async () => {
  await faulty.close();
  await Promise.all(readers.splice(0).map((reader) => reader.kill()));
  await releaseAll(directory);
  await rm(directory, { recursive: true });
};

/** Reads 64 KiB at a time, so that the place of an error is known. */
const read = (range: { offsetBytes: number; lengthBytes: number }, direct: boolean) =>
  readDisk(faulty.disk.device, { ...range, direct, chunkBytes: 65_536 });

function reading(options: { pauseMs?: number; retriesWhenGone?: boolean } = {}): DiskReader {
  const reader = startReader(faulty.disk.device, { ...WHOLE, chunkBytes: 65_536, ...options });
  readers.push(reader);
  return reader;
}

describe.skipIf(unavailable !== undefined)('a disk with faults', () => {
  beforeEach(setUp);
  afterEach(tearDown);

  it('reads as its image while no fault is set', async () => {
    const whole = { event: 'done', bytesRead: 16 * MIB, sha256: imageDigest(IMAGE, 'sha256') };
    expect(await read(WHOLE, true)).toEqual(whole);
    expect(await read(WHOLE, false)).toEqual(whole);
    expect(await faulty.counters()).toMatchObject({ errors: 0, hanging: 0, faults: [] });
  });

  it.each([
    // A buffered read knows only EIO; past the page cache the block layer's own error shows.
    { errno: 5, direct: true, seen: 'EIO' },
    { errno: 5, direct: false, seen: 'EIO' },
    { errno: 61, direct: true, seen: 'ENODATA' },
    { errno: 61, direct: false, seen: 'EIO' },
    { errno: 19, direct: true, seen: 'ENODEV' },
    { errno: 110, direct: true, seen: 'ETIMEDOUT' },
  ])(
    'fails reads of a bad place: errno $errno, direct $direct',
    async ({ errno, direct, seen }) => {
      await faulty.inject([{ kind: 'read-error', ...BAD, errno }]);
      const end = await read(WHOLE, direct);
      const before = { offsetBytes: 0, lengthBytes: BAD.offsetBytes };
      expect(end).toMatchObject({
        event: 'error',
        errno: seen,
        again: seen,
        bytesRead: BAD.offsetBytes,
        sha256: imageDigest(IMAGE, 'sha256', before),
      });
      const after = { offsetBytes: BAD.offsetBytes + 4096, lengthBytes: 65_536 };
      expect(await read(after, true)).toMatchObject({ event: 'done' });
    },
  );

  it('fails a direct read that touches a bad place as a whole, and counts each attempt', async () => {
    await faulty.inject([{ kind: 'read-error', ...BAD, errno: 61 }]);
    const across = { offsetBytes: BAD.offsetBytes - 4096, lengthBytes: 8192 };
    expect(await read(across, true)).toMatchObject({ event: 'error', bytesRead: 0 });
    const { faults } = await faulty.counters();
    // The read and the one further attempt of the reader.
    expect(faults).toEqual([{ kind: 'read-error', ...BAD, reads: 2 }]);
  });

  it('gives a buffered reader the good bytes before a bad place first', async () => {
    await faulty.inject([{ kind: 'read-error', ...BAD, errno: 61 }]);
    const across = { offsetBytes: BAD.offsetBytes - 4096, lengthBytes: 8192 };
    expect(await read(across, false)).toMatchObject({ event: 'error', bytesRead: 4096 });
  });

  it('has weak sectors that can be read in the end', async () => {
    await faulty.inject([{ kind: 'read-error', ...BAD, errno: 61, times: 1 }]);
    expect(await read(BAD, true)).toMatchObject({ errno: 'ENODATA', again: 4096 });
    expect(await read(BAD, true)).toMatchObject({ event: 'done' });
  });

  it('gives wrong bytes without an error', async () => {
    await faulty.inject([{ kind: 'corrupt', offsetBytes: BAD.offsetBytes + 7, lengthBytes: 1 }]);
    const end = await read(BAD, true);
    expect(end.event).toBe('done');
    expect(end.sha256).not.toBe(imageDigest(IMAGE, 'sha256', BAD));
    await faulty.clear();
    expect((await read(BAD, true)).sha256).toBe(imageDigest(IMAGE, 'sha256', BAD));
  });

  it('is slow where it is told to be', async () => {
    await faulty.inject([{ kind: 'delay', ...BAD, delayMs: 700 }]);
    const begun = performance.now();
    expect(await read(BAD, true)).toMatchObject({ event: 'done' });
    expect(performance.now() - begun).toBeGreaterThan(700);
  });

  it('refuses a fault that is out of range', async () => {
    const fault: DiskFault = { kind: 'hang', ...BAD, maxSeconds: 61 };
    await expect(faulty.inject([fault])).rejects.toMatchObject({ code: 'tool-failed' });
  });
});

describe.skipIf(unavailable !== undefined)('a disk that hangs', () => {
  beforeEach(async () => {
    await setUp();
    await faulty.inject([{ kind: 'hang', ...BAD, maxSeconds: HANG_MAX_S }]);
  });
  afterEach(tearDown);

  const hanging = async () => (await faulty.counters()).hanging > 0;

  it('keeps a reader waiting even after SIGKILL, and lets it go when it is closed', async () => {
    const reader = reading();
    await expect.poll(hanging).toBe(true);
    const killed = reader.kill();
    expect(await Promise.race([killed, sleep(300, 'still there')])).toBe('still there');
    const begun = performance.now();
    await faulty.close();
    await killed;
    expect(performance.now() - begun).toBeLessThan(HANG_MAX_S * 500);
    const mounts = await readFile('/proc/self/mountinfo', 'utf8');
    expect(mounts).not.toContain(directory);
  });

  it('goes on when the faults are cleared', async () => {
    const reader = reading();
    await expect.poll(hanging).toBe(true);
    await faulty.clear();
    expect(await reader.end).toMatchObject({ sha256: imageDigest(IMAGE, 'sha256') });
  });

  it('goes on by itself after its own limit', async () => {
    await faulty.clear();
    await faulty.inject([{ kind: 'hang', ...BAD, maxSeconds: 1 }]);
    const begun = performance.now();
    expect(await read(BAD, true)).toMatchObject({ event: 'done' });
    expect(performance.now() - begun).toBeGreaterThan(1000);
  });

  it('fails the read that hangs when it is pulled', async () => {
    const reader = reading({ retriesWhenGone: true });
    await expect.poll(hanging).toBe(true);
    const pulled = faulty.disk.pull('io-error');
    expect(await reader.end).toMatchObject({ event: 'error', errno: 'EIO', again: 0 });
    expect(await pulled).toBe('released');
  });
});

describe.skipIf(unavailable !== undefined)('a disk with faults that is pulled', () => {
  beforeEach(setUp);
  afterEach(tearDown);

  it('can end cleanly', async () => {
    const reader = reading({ pauseMs: 50 });
    await reader.reached(4 * 65_536);
    expect(await faulty.disk.pull('clean-eof')).toBe('released');
    const end = await reader.end;
    expect(end.event).toBe('early-end');
    const passed = { offsetBytes: 0, lengthBytes: end.bytesRead };
    expect(end.sha256).toBe(imageDigest(IMAGE, 'sha256', passed));
  });

  it('leaves the image as it was', async () => {
    await faulty.disk.pull('io-error');
    expect((await readFile(imagePath)).equals(contentAt('fault', 0, IMAGE.sizeBytes))).toBe(true);
  });
});

describe.skipIf(unavailable !== undefined)('an identity with faults', () => {
  beforeEach(setUp);
  afterEach(tearDown);

  it('is carried out by plug', async () => {
    const identity = { serial: 'S', faults: [{ kind: 'read-error', ...BAD, errno: 61 } as const] };
    await using disk = await plug(imagePath, { identity });
    const end = await readDisk(disk.device, { ...BAD, direct: true });
    expect(end).toMatchObject({ event: 'error', errno: 'ENODATA' });
  });
});
