import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { contentAt } from '../../../native-fixtures/image.ts';
import { BadPlaces } from '../../../src/copy/bad-places.ts';
import { BlockSums } from '../../../src/copy/block-sums.ts';
import { badPlace } from '../../../src/copy/disk-errors.ts';
import { GoodPlaces } from '../../../src/copy/good-places.ts';
import { CopyJournal, type Landmark } from '../../../src/copy/journal.ts';
import { LANDMARK_BYTES, landmarkDigest } from '../../../src/copy/landmarks.ts';
import { NotedReads } from '../../../src/copy/noted-reads.ts';
import { plannedBlock } from '../../../src/copy/planned-block.ts';
import { proveContent } from '../../../src/copy/prove.ts';
import { BufferRing } from '../../../src/copy/ring.ts';
import type { BlobName } from '../../../src/domain/blob-name.ts';
import type { BlockId } from '../../../src/domain/block-id.ts';
import type { BlobPlan } from '../../../src/domain/plan.ts';

/** What is believed of the blocks that the store holds, when some of them do not read any more. */

const BLOCK = 65_536;
const BLOCKS = 4;
const lengthBytes = BLOCKS * BLOCK;
const BLOB: BlobPlan = {
  name: 'disk.img' as BlobName,
  ...{ lengthBytes, blockBytes: BLOCK, extents: [{ offsetBytes: 0, lengthBytes }] },
};
const never = new AbortController().signal;

const contentOf = (index: number) => Buffer.from(contentAt('proof', index * BLOCK, BLOCK));

function blockAt(index: number, { isSure }: { isSure: boolean }) {
  const sha256 = createHash('sha256').update(contentOf(index)).digest('hex');
  const id = `id ${index}` as BlockId;
  const held = { index, sha256, nonce: '00112233aabbccdd', unreadableBytes: 0, id };
  return { ...plannedBlock(BLOB, index), held, isSure };
}

interface Disk {
  /** Blocks that do not read. */
  readonly unreadable?: readonly number[];
  /** A block in which the disk hung before. */
  readonly hung?: number;
  /** Blocks that the disk gives inverted. */
  readonly corrupt?: readonly number[];
}

async function onDisk({ unreadable = [], hung, corrupt = [] }: Disk) {
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-proof-'));
  const whose = { journalFile: join(directory, 'copy.journal'), nonce: '00112233aabbccdd' };
  const badPlaces = await BadPlaces.open(whose, {
    ...{ kind: 'image', totalBytes: lengthBytes, blobs: [BLOB] },
  });
  const journal = await CopyJournal.start(whose.journalFile, { copyId: 'copy-1', ...whose }, []);
  onTestFinished(async () => {
    await journal.close();
    await rm(directory, { recursive: true });
  });
  if (hung !== undefined) {
    const place = { offsetBytes: hung * BLOCK, lengthBytes: 4096, isRescue: false };
    await badPlaces.noteHang(place);
  }
  const devicePath = '/dev/x';
  const readInto = async (bytes: Buffer, offsetBytes: number) => {
    const index = Math.floor(offsetBytes / BLOCK);
    if (unreadable.includes(index)) {
      const why = { errno: 'EIO', lengthBytes: bytes.length, cause: undefined };
      throw badPlace(devicePath, offsetBytes, why);
    }
    bytes.set(contentAt('proof', offsetBytes, bytes.length));
    if (corrupt.includes(index)) for (const [at, byte] of bytes.entries()) bytes[at] = ~byte;
  };
  const reads = new NotedReads({ devicePath, readInto }, badPlaces);
  const goodPlaces = new GoodPlaces({
    ...{ reads, random: () => 0.5, onChecked: async () => undefined },
    readsSomewhere: async () => true,
  });
  const ring = new BufferRing(BLOCK, 2 * BLOCK);
  return { reads, ring, sums: new BlockSums(), journal, goodPlaces, badPlaces };
}

const sure = { isSure: true };
const unsure = { isSure: false };

async function rubbishOf(
  disk: Disk,
  blocks: readonly ReturnType<typeof blockAt>[],
  landmarks: readonly Landmark[] = [],
): Promise<readonly number[]> {
  const toProve = { blocks, landmarks, hasLied: false };
  const { differing, unread } = await proveContent(toProve, await onDisk(disk), never);
  return [...differing, ...unread].map(({ index }) => index);
}

test.each<[string, Disk, readonly number[]]>([
  ['all that reads as before is believed', {}, []],
  ['one that does not read is not believed, though nothing differs', { unreadable: [2] }, [2]],
  ['nor is one in which the disk hung', { hung: 3 }, [3]],
  ['nor one that differs', { corrupt: [1], unreadable: [2] }, [1, 2]],
  ['one that is sure is believed also when it does not read', { unreadable: [0] }, []],
])('of blocks that nobody vouches for: %s', async (_, disk, expected) => {
  const blocks = [blockAt(0, sure), ...[1, 2, 3].map((index) => blockAt(index, unsure))];
  expect(await rubbishOf(disk, blocks)).toEqual(expected);
});

test.each([
  ['is believed from check to check when a place of it did not read', { unreadable: [0] }, true],
  ['is believed at once when all of it reads', {}, false],
])('a disk %s', async (_, disk, isHeldBack) => {
  const parts = await onDisk(disk);
  const blocks = [0, 1].map((index) => blockAt(index, sure));
  await proveContent({ blocks, landmarks: [], hasLied: false }, parts, never);
  expect(parts.goodPlaces.read(BLOB.name, 2).isHeldBack).toBe(isHeldBack);
});

test('a place to know the disk by is as good as its block', async () => {
  const offsetBytes = 2 * BLOCK;
  const landmark: Landmark = {
    ...{ kind: 'landmark', offsetBytes, isUnchecked: true },
    sha256: landmarkDigest(contentOf(2).subarray(0, LANDMARK_BYTES)),
  };
  const blocks = [blockAt(0, sure)];
  expect(await rubbishOf({ unreadable: [2] }, blocks, [landmark])).toEqual([2]);
  const { isUnchecked: _, ...checked } = landmark;
  expect(await rubbishOf({ unreadable: [2] }, blocks, [checked])).toEqual([]);
});

test('a disk of which nothing can be compared is no other one, if something else of it reads', async () => {
  const blocks = [blockAt(0, sure), blockAt(1, unsure)];
  expect(await rubbishOf({ unreadable: [0, 1] }, blocks)).toEqual([1]);
  for (const disk of [{ unreadable: [0, 1, 2, 3] }, { hung: 0 }]) {
    await expect(rubbishOf(disk, [blockAt(0, sure)])).rejects.toMatchObject({
      code: 'disk-read-failed',
    });
  }
});

test('what is kept of a block does for it when it does not read again, but not unread', async () => {
  const toProve = { blocks: [], landmarks: [], hasLied: false };
  const kept = async (disk: Disk) => {
    const parts = await onDisk(disk);
    await parts.badPlaces.scratch.write(BLOCK, 0, contentOf(1).subarray(0, LANDMARK_BYTES));
    return await proveContent(toProve, parts, never);
  };
  expect(await kept({ unreadable: [1] })).toEqual({ differing: [], unread: [] });
  await expect(kept({ hung: 1 })).rejects.toMatchObject({ code: 'disk-read-failed' });
  await expect(kept({ corrupt: [1] })).rejects.toMatchObject({ code: 'disk-content-changed' });
});
