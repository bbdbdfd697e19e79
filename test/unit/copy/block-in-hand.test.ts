import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BlockInHand } from '../../../src/copy/block-in-hand.ts';
import { BufferRing } from '../../../src/copy/ring.ts';
import { Scratch } from '../../../src/copy/scratch.ts';
import type { BlobName } from '../../../src/domain/blob-name.ts';

const BLOCK_BYTES = 65_536;
const NEVER = new AbortController().signal;
const NONCE = '00112233aabbccdd';
const EXTENT = { offsetBytes: 4 * BLOCK_BYTES, lengthBytes: BLOCK_BYTES };
const BLOB = {
  name: 'disk.img' as BlobName,
  blockBytes: BLOCK_BYTES,
  lengthBytes: 8 * BLOCK_BYTES,
  extents: [{ offsetBytes: 0, lengthBytes: 8 * BLOCK_BYTES }],
};

let directory: string;
let scratch: Scratch;
let inHand: BlockInHand;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-block-'));
  scratch = await Scratch.create(directory, NONCE);
  const slot = await new BufferRing(BLOCK_BYTES, 2 * BLOCK_BYTES).acquire(NEVER);
  inHand = new BlockInHand({ blob: BLOB, index: 4, extent: EXTENT }, slot);
});

afterEach(async () => {
  await scratch.close();
  await rm(directory, { recursive: true, force: true });
});

/** Reads so many bytes of the block, each with this value. */
function read(atBytes: number, lengthBytes: number, value: number): void {
  const piece = { offsetBytes: EXTENT.offsetBytes + atBytes, lengthBytes };
  inHand.placeOf(piece).fill(value);
  inHand.keep(piece);
}

test('what is on its way to the scratch is there for whoever asks next', async () => {
  read(0, 4096, 1);
  read(8192, 4096, 2);
  const flushed = inHand.flush(scratch);
  expect(scratch.blocks.has(EXTENT.offsetBytes)).toBe(true);

  const again = Buffer.alloc(BLOCK_BYTES);
  expect(await scratch.readInto(EXTENT.offsetBytes, again)).toEqual([
    { offsetBytes: 0, lengthBytes: 4096 },
    { offsetBytes: 8192, lengthBytes: 4096 },
  ]);
  expect(again.subarray(0, 4096)).toEqual(Buffer.alloc(4096, 1));
  expect(again.subarray(8192, 12_288)).toEqual(Buffer.alloc(4096, 2));
  await flushed;
});

test('what is on its way to the scratch can be removed', async () => {
  read(0, 4096, 1);
  const flushed = inHand.flush(scratch);
  await scratch.remove(EXTENT.offsetBytes);
  await flushed;
  expect(scratch.blocks.has(EXTENT.offsetBytes)).toBe(false);
  const other = await Scratch.create(directory, NONCE);
  expect([...other.blocks.keys()]).toEqual([]);
});

test('a flush with nothing to do waits for the one before, which still needs the slot', async () => {
  read(0, BLOCK_BYTES, 1);
  const order: string[] = [];
  const first = inHand.flush(scratch).then(() => order.push('first'));
  const second = inHand.flush(scratch).then(() => order.push('second'));
  await Promise.all([first, second]);
  expect(order).toEqual(['first', 'second']);
});

test('a flush that failed fails those after it', async () => {
  read(0, 4096, 1);
  await scratch.close();
  await rm(directory, { recursive: true });
  await expect(inHand.flush(scratch)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(inHand.flush(scratch)).rejects.toMatchObject({ code: 'ENOENT' });
});
