import { createHash } from 'node:crypto';
import { constants, mkdir, mkdtemp, open, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeImage } from '../../native-fixtures/image.ts';
import { plug } from '../../native-fixtures/loop-disk.ts';
import { openContainer } from '../../src/blobs/open.ts';
import { type CopyResult, runCopyProcess } from '../../src/copy/copy-process.ts';
import type { Assignment, FromCopy } from '../../src/copy/messages.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import type { LoopDisk } from '../../src/loopback/contract.ts';

const MIB = 1024 * 1024;
const IMAGE_BYTES = 42 * MIB + 512;
const never = new AbortController().signal;

let directory: string;
let image: string;
let disk: LoopDisk;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-copy-'));
  image = join(directory, 'disk.img');
  await mkdir(join(directory, 'store'));
  await writeImage(image, { seed: 'copy-process', sizeBytes: IMAGE_BYTES });
  disk = await plug(image);
});
afterEach(async () => {
  await disk.unplug();
  await rm(directory, { recursive: true, force: true });
});

async function assignmentFor(plugged: LoopDisk): Promise<Assignment> {
  const stat = await readFile(`/sys/block/${plugged.name}/stat`, 'utf8');
  return {
    kind: 'assignment',
    copyId: 'copy-1',
    nonce: '00112233aabbccdd',
    driveId: 'SERIAL/1',
    disk: {
      devicePath: plugged.device,
      diskseq: plugged.diskseq,
      sizeBytes: IMAGE_BYTES,
      wwns: [],
      writesAtFirstSight: Number(stat.trim().split(/\s+/u)[4]),
    },
    plan: { kind: 'image', container: 'disks', blobPrefix: 'test/' },
    storage: { kind: 'directory', directory: join(directory, 'store') },
    logs: { jobName: 'job_1', level: 'Verbose', path: '' },
    journalFile: join(directory, 'journals', 'copy-1.journal'),
    readHangMs: 60_000,
  };
}

function runCopy(
  assignment: Assignment,
  onMessage: (message: FromCopy) => void = () => undefined,
  signal: AbortSignal = never,
): Promise<CopyResult> {
  return runCopyProcess(assignment, { onMessage, onAbandoned: () => undefined }, signal);
}

async function storedDigest(): Promise<string> {
  const storage = { kind: 'directory', directory: join(directory, 'store') } as const;
  const container = await openContainer(storage, 'disks');
  const hash = createHash('sha256');
  const name = 'test/SERIAL~2F1.img' as BlobName;
  for await (const chunk of container.read(name, never)) hash.update(chunk);
  return hash.digest('hex');
}

const sha256 = async (file: string) =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

test('a disk arrives whole and is judged Completed', async () => {
  const result = await runCopy(await assignmentFor(disk));
  expect(result).toMatchObject({
    kind: 'settled',
    verdict: { outcome: 'Completed', verifiedBytes: IMAGE_BYTES, kernelWrites: 0 },
  });
  expect(await storedDigest()).toBe(await sha256(image));
});

test('an interrupted copy goes on with what the store holds, also in another bay', async () => {
  const stop = new AbortController();
  const first = await runCopy(
    await assignmentFor(disk),
    (message) => {
      if (message.kind === 'progress' && message.progress.stagedBytes > 0) stop.abort();
    },
    stop.signal,
  );
  expect(first).toMatchObject({ kind: 'failed', failure: { code: 'cancelled' } });

  await disk.unplug();
  disk = await plug(image, { bay: 'other' });
  const messages: FromCopy[] = [];
  const second = await runCopy(await assignmentFor(disk), (message) => messages.push(message));
  expect(second).toMatchObject({ kind: 'settled', verdict: { outcome: 'Completed' } });
  const reconciled = messages.find((message) => message.kind === 'reconciled');
  expect(reconciled?.heldBlocks).toBeGreaterThan(0);
  expect(reconciled?.lostBlocks).toBe(0);
  expect(await storedDigest()).toBe(await sha256(image));
});

test('the same serial with other content is found out before anything is added', async () => {
  const stop = new AbortController();
  const stopAtProgress = (message: FromCopy) => {
    if (message.kind === 'progress' && message.progress.stagedBytes > 0) stop.abort();
  };
  await runCopy(await assignmentFor(disk), stopAtProgress, stop.signal);
  await disk.unplug();
  await rm(image);
  await writeImage(image, { seed: 'another disk', sizeBytes: IMAGE_BYTES });
  disk = await plug(image);
  const result = await runCopy(await assignmentFor(disk));
  expect(result).toMatchObject({ kind: 'failed', failure: { code: 'disk-content-changed' } });
});

test('another attachment than the one that was matched is refused', async () => {
  const assignment = await assignmentFor(disk);
  const stale = { ...assignment, disk: { ...assignment.disk, diskseq: disk.diskseq - 1 } };
  const result = await runCopy(stale);
  expect(result).toMatchObject({ kind: 'failed', failure: { code: 'disk-changed' } });
});

test('a disk in use elsewhere is refused, and one that cannot be opened is not taken for absent', async () => {
  const assignment = await assignmentFor(disk);
  const holder = await open(disk.device, constants.O_RDONLY | constants.O_EXCL);
  try {
    const busy = await runCopy(assignment);
    expect(busy).toMatchObject({ kind: 'failed', failure: { code: 'disk-busy' } });
  } finally {
    await holder.close();
  }
  const loop = { ...assignment.disk, devicePath: join(directory, 'loop') };
  await symlink('loop', loop.devicePath);
  const unreadable = await runCopy({ ...assignment, disk: loop });
  expect(unreadable).toMatchObject({
    kind: 'failed',
    failure: { code: 'disk-read-failed', payload: { errno: 'ELOOP' } },
  });
});

test.each(['clean-eof', 'io-error'] as const)(
  'a disk pulled in mid-copy (%s) is gone, not read to its end',
  async (kind) => {
    // Larger than the ring, so that reading is not over when the first block is safe.
    const large = join(directory, 'large.img');
    const sizeBytes = 256 * MIB;
    await writeImage(large, { seed: 'large', sizeBytes, sparseEveryBytes: MIB });
    const largeDisk = await plug(large);
    const assignment = await assignmentFor(largeDisk);
    let pulled: Promise<unknown> | undefined;
    const result = await runCopy(
      { ...assignment, disk: { ...assignment.disk, sizeBytes } },
      (message) => {
        if (message.kind === 'progress' && message.progress.stagedBytes > 0) {
          pulled ??= largeDisk.pull(kind);
        }
      },
    );
    await pulled;
    expect(result).toMatchObject({ kind: 'failed', failure: { code: 'disk-gone' } });
  },
);
