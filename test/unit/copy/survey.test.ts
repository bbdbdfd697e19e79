import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BlobContainer } from '../../../src/blobs/contract.ts';
import { openContainer } from '../../../src/blobs/open.ts';
import { BlockSums } from '../../../src/copy/block-sums.ts';
import { CopyJournal, type Doubted, type Staged } from '../../../src/copy/journal.ts';
import { keyOf, lastIds } from '../../../src/copy/journaled.ts';
import { plannedBlock } from '../../../src/copy/planned-block.ts';
import { Survey } from '../../../src/copy/survey.ts';
import type { BlobName } from '../../../src/domain/blob-name.ts';
import { type BlockId, encodeBlockId } from '../../../src/domain/block-id.ts';
import type { BlobPlan, ImagePlan } from '../../../src/domain/plan.ts';
import { RESUME_UNSUMMED_MAX } from '../../../src/limits.ts';

const BLOCK_BYTES = 10;
const NONCE = '00112233aabbccdd';
const never = new AbortController().signal;
const md5Of = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
const content = (index: number) => Buffer.alloc(BLOCK_BYTES, index);

let directory: string;
let journalFile: string;
let container: BlobContainer;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-survey-'));
  journalFile = join(directory, 'copy.journal');
  container = await openContainer({ kind: 'directory', directory }, 'disks');
  await container.ensure(never);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function blobOf(name: string, blocks: number): BlobPlan {
  const lengthBytes = blocks * BLOCK_BYTES;
  const extents = [{ offsetBytes: 0, lengthBytes }];
  return { name: name as BlobName, lengthBytes, blockBytes: BLOCK_BYTES, extents };
}

const planOf = (...blobs: BlobPlan[]): ImagePlan => ({
  kind: 'image',
  totalBytes: blobs.reduce((sum, blob) => sum + blob.lengthBytes, 0),
  blobs,
});

async function stage(
  blob: BlobPlan,
  index: number,
  { nonce = NONCE, md5State = 'cd'.repeat(16) } = {},
): Promise<BlockId> {
  const body = content(index);
  const id = encodeBlockId({ nonce, index, sha256: 'ab'.repeat(32), md5State });
  await container.stageBlock({ name: blob.name, id, body, md5: md5Of(body) }, never);
  return id;
}

async function commit(blob: BlobPlan, blocks: number): Promise<void> {
  const ids: BlockId[] = [];
  for (let index = 0; index < blocks; index++) ids.push(await stage(blob, index));
  const md5 = md5Of(Buffer.concat(ids.map((_, index) => content(index))));
  await container.commit({ name: blob.name, blocks: ids, md5, metadata: {} }, never);
}

async function surveyed(
  plan: ImagePlan,
  sums = new BlockSums(),
  { doubted = [], unchecked = [] }: { doubted?: Doubted[]; unchecked?: number[] } = {},
) {
  const survey = new Survey(plan, {
    nonce: NONCE,
    container,
    sums,
    hasJournal: sums.size > 0,
    unsummed: new Set<string>(),
    unchecked: new Set(unchecked.map((index) => keyOf({ blob: 'a', index }))),
    doubted,
    lastIds: (name, indexes) => lastIds(journalFile, name, indexes),
    random: () => 0.5,
  });
  const records = await Array.fromAsync(survey.confirmed(never));
  return { survey, records };
}

test('counts what the store holds of this copy, and nothing that is not of it', async () => {
  const [first, second] = [blobOf('a', 3), blobOf('b', 4)];
  await commit(first, 3);
  await stage(second, 0);
  await stage(second, 2);
  await stage(second, 3, { nonce: 'ffffffffffffffff' });
  const { survey, records } = await surveyed(planOf(first, second));
  expect(survey.heldBlocks).toBe(5);
  expect(survey.heldBytes).toBe(5 * BLOCK_BYTES);
  expect(records).toHaveLength(5);
  expect((await survey.heldOf(first, never)).committed).toBe(true);
  expect([...(await survey.heldOf(second, never)).blocks.keys()].sort()).toEqual([0, 2]);
});

test('tells how many blocks the journal had that the store has no longer', async () => {
  const blob = blobOf('a', 5);
  await stage(blob, 1);
  const sums = new BlockSums();
  for (const index of [0, 1, 2]) sums.set(blob, index, md5Of(content(index)));
  const { survey } = await surveyed(planOf(blob), sums);
  expect(survey.lostBlocks).toBe(2);
});

test('wants the ends of what is held read again, and each block without a sum', async () => {
  const blob = blobOf('a', 30);
  const sums = new BlockSums();
  for (let index = 0; index < 30; index++) {
    await stage(blob, index);
    if (index !== 17) sums.set(blob, index, md5Of(content(index)));
  }
  const { survey, records } = await surveyed(planOf(blob), sums);
  const wanted = survey.toProve().map(({ index }) => index);
  expect(wanted).toEqual(expect.arrayContaining([0, 17, 29]));
  expect(new Set(wanted).size).toBe(wanted.length);
  expect(wanted.length).toBeLessThan(12);
  expect(records.filter((record) => !('md5' in record))).toHaveLength(1);
});

test('does not hold what the journal doubts, nor what nobody vouches for and cannot be proved', async () => {
  const blob = blobOf('a', 4);
  for (const index of [0, 1, 2]) await stage(blob, index);
  const body = content(3);
  const parts = { nonce: NONCE, index: 3, sha256: 'ab'.repeat(32), unreadableBytes: 5 };
  const id = encodeBlockId(parts);
  await container.stageBlock({ name: blob.name, id, body, md5: md5Of(body) }, never);
  const sums = new BlockSums();
  sums.set(blob, 0, md5Of(content(0)));
  const doubted = { kind: 'doubted', blob: blob.name, index: 1 } as const;
  const { survey, records } = await surveyed(planOf(blob), sums, { doubted: [doubted] });
  expect(records.map((record) => 'index' in record && record.index)).toEqual([0, 2]);
  expect(survey.toProve().map(({ index, isSure }) => [index, isSure])).toEqual([
    [0, true],
    [2, false],
  ]);
  expect([...(await survey.heldOf(blob, never)).blocks.keys()]).toEqual([0, 2]);
});

test('holds of two blocks for one place the one that the journal had last, if it does not doubt it', async () => {
  const blob = blobOf('a', 3);
  const sums = new BlockSums();
  const records: Staged[] = [];
  for (const index of [0, 1, 2]) {
    const md5 = md5Of(content(index));
    sums.set(blob, index, md5);
    for (const digit of ['c', 'd']) {
      const id = await stage(blob, index, { md5State: digit.repeat(32) });
      records.push({ kind: 'staged', blob: blob.name, index, id, md5 });
    }
  }
  const doubted = { kind: 'doubted', blob: blob.name, index: 1 } as const;
  const known = [...records.slice(0, 4), doubted, ...records.slice(4).reverse()];
  const journal = await CopyJournal.start(journalFile, { copyId: 'copy-1', nonce: NONCE }, known);
  await journal.close();
  const { survey } = await surveyed(planOf(blob), sums);
  const { blocks } = await survey.heldOf(blob, never);
  expect([...blocks.values()].map(({ index, md5State }) => [index, md5State]).sort()).toEqual([
    [0, 'd'.repeat(32)],
    [2, 'c'.repeat(32)],
  ]);
});

test('does not hold blocks that differ, nor the chain behind them', async () => {
  const blob = blobOf('a', 6);
  const sums = new BlockSums();
  for (let index = 0; index < 6; index++) {
    await stage(blob, index);
    if (index < 2) sums.set(blob, index, md5Of(content(index)));
  }
  const { survey } = await surveyed(planOf(blob), sums);
  const fourth = plannedBlock(blob, 3);
  expect(survey.distrust([fourth]).map(({ index }) => index)).toEqual([3, 4, 5]);
  expect([...(await survey.heldOf(blob, never)).blocks.keys()]).toEqual([0, 1, 2]);
  expect(survey.heldBytes).toBe(3 * BLOCK_BYTES);
});

test('wants each block read again that no check has passed, however many', async () => {
  const blob = blobOf('a', 2 * RESUME_UNSUMMED_MAX);
  const sums = new BlockSums();
  const unchecked: number[] = [];
  for (let index = 0; index < 2 * RESUME_UNSUMMED_MAX; index++) {
    await stage(blob, index);
    sums.set(blob, index, md5Of(content(index)));
    if (index >= 8) unchecked.push(index);
  }
  const { survey, records } = await surveyed(planOf(blob), sums, { unchecked });
  const unsure = survey.toProve().filter(({ isSure }) => !isSure);
  expect(unsure.map(({ index }) => index)).toEqual(unchecked);
  const carried = records.filter((record) => 'isUnchecked' in record);
  expect(carried).toHaveLength(unchecked.length);
  const dropped = survey.distrust([plannedBlock(blob, 60)]).map(({ index }) => index);
  expect(dropped.sort()).toEqual([60, 61, 62, 63]);
  expect(sums.get(blob, 60)).toBeUndefined();
});

test('reads no disk again for sums when the journal is lost', async () => {
  const blob = blobOf('a', RESUME_UNSUMMED_MAX + 1);
  for (let index = 0; index <= RESUME_UNSUMMED_MAX; index++) await stage(blob, index);
  const { survey } = await surveyed(planOf(blob));
  expect(survey.heldBlocks).toBe(RESUME_UNSUMMED_MAX + 1);
  expect(survey.toProve().length).toBeLessThan(RESUME_UNSUMMED_MAX);
});

test('a committed blob of another copy is refused', async () => {
  const blob = blobOf('a', 1);
  const body = content(0);
  const id = encodeBlockId({
    nonce: 'ffffffffffffffff',
    index: 0,
    sha256: 'ab'.repeat(32),
    md5State: 'cd'.repeat(16),
  });
  await container.stageBlock({ name: blob.name, id, body, md5: md5Of(body) }, never);
  const whole = { name: blob.name, blocks: [id], md5: md5Of(body), metadata: {} };
  await container.commit(whole, never);
  await expect(surveyed(planOf(blob))).rejects.toMatchObject({ code: 'destination-exists' });
});
