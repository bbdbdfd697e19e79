import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type DiskReader, startReader } from '../../native-fixtures/disk-reader.ts';
import { faultDisk, faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import { writeImage } from '../../native-fixtures/image.ts';
import { listPlugged, releaseAll } from '../../native-fixtures/loop-disk.ts';

const MIB = 1024 * 1024;
const HOLDER = join(import.meta.dirname, '../../native-fixtures/fault-disk/holder-process.ts');
const WHOLE = { offsetBytes: 0, lengthBytes: 16 * MIB };
/** Five seconds are the helper's own limit; the rest is for a machine that is busy. */
const LIMIT_MS = 30_000;

let directory: string;
let imagePath: string;
let reader: DiskReader | undefined;
let holder: ChildProcess | undefined;

async function isClear(): Promise<boolean> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  return !mounts.includes(directory) && (await listPlugged(directory)).length === 0;
}

/** Whether a thread of the reader waits in the kernel and takes no signal. */
async function hangs(): Promise<boolean> {
  const threads = `/proc/${reader?.pid}/task`;
  const stats = (await readdir(threads)).map((id) => readFile(join(threads, id, 'stat'), 'latin1'));
  // The name of the program comes before the state, in brackets, and can hold anything.
  return (await Promise.all(stats)).some((stat) =>
    /^D/u.test(stat.slice(stat.lastIndexOf(')') + 2)),
  );
}

async function holdInChild(): Promise<string> {
  const args = ['--disable-warning=ExperimentalWarning', HOLDER, imagePath];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  holder = child;
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return z.object({ device: z.string() }).parse(JSON.parse(line)).device;
}

describe.skipIf(faultDiskUnavailable() !== undefined)('a hang that nobody ends', () => {
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'drive-station-crash-'));
    imagePath = join(directory, 'disk.img');
    await writeImage(imagePath, { seed: 'crash', sizeBytes: 16 * MIB });
  });

  afterEach(async () => {
    holder?.kill('SIGKILL');
    await releaseAll(directory);
    await reader?.kill();
    reader = undefined;
    holder = undefined;
    await rm(directory, { recursive: true });
  });

  it('ends with the process that set it: reader, device and mount', async () => {
    const device = await holdInChild();
    reader = startReader(device, WHOLE);
    await reader.reached(4 * MIB);
    await expect.poll(hangs).toBe(true);
    holder?.kill('SIGKILL');
    expect(await reader.end).toMatchObject({ event: 'error', errno: 'EIO' });
    await expect.poll(isClear, { timeout: LIMIT_MS }).toBe(true);
  });

  it('ends when the helper itself is killed, and releaseAll clears the rest', async () => {
    await using faulty = await faultDisk(imagePath, {
      faults: [{ kind: 'hang', offsetBytes: 4 * MIB, lengthBytes: 4096, maxSeconds: 60 }],
    });
    reader = startReader(faulty.disk.device, WHOLE);
    await expect.poll(async () => (await faulty.counters()).hanging).toBeGreaterThan(0);
    process.kill(z.int().parse(faulty.helperPid), 'SIGKILL');
    expect(await reader.end).toMatchObject({ event: 'error' });
    expect(await releaseAll(directory)).toEqual([]);
    expect(await isClear()).toBe(true);
  });
});
