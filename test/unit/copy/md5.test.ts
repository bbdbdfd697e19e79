import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MD5_START, Md5 } from '../../../src/copy/md5.ts';

const BLOCK_BYTES = 4096;
const DATA_AT = 65_536;

function kernel(): { md5: Md5; bytes: Uint8Array } {
  const memory = new WebAssembly.Memory({ initial: 3, maximum: 3, shared: true });
  return { md5: new Md5(memory, 0), bytes: new Uint8Array(memory.buffer) };
}

const digest = (data: Uint8Array) => createHash('md5').update(data).digest('hex');

/** Hashes data block by block, as the pipeline does, optionally with a fresh kernel for each block. */
function hashInBlocks(data: Uint8Array, freshKernels: boolean): { blocks: string[]; blob: string } {
  let { md5, bytes } = kernel();
  let state = MD5_START;
  const blocks: string[] = [];
  for (let at = 0; at < data.length; at += BLOCK_BYTES) {
    if (freshKernels) ({ md5, bytes } = kernel());
    const block = data.subarray(at, at + BLOCK_BYTES);
    bytes.set(block, DATA_AT);
    const last = at + BLOCK_BYTES >= data.length;
    const hashed = md5.hash({
      offsetBytes: DATA_AT,
      lengthBytes: block.length,
      state,
      ...(last ? { blobBytes: data.length } : {}),
    });
    blocks.push(hashed.md5);
    state = hashed.state;
  }
  return { blocks, blob: state };
}

test('every block and the whole get the MD5 that OpenSSL computes, whatever the length', () => {
  const data = fc.uint8Array({ minLength: 1, maxLength: 3 * BLOCK_BYTES + 200 });
  fc.assert(
    fc.property(data, (bytes) => {
      const { blocks, blob } = hashInBlocks(bytes, false);
      const expected = blocks.map((_, i) =>
        digest(bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)),
      );
      expect(blocks).toEqual(expected);
      expect(blob).toBe(digest(bytes));
    }),
  );
});

test('the state carries on in another process: a fresh kernel for each block changes nothing', () => {
  const bytes = Uint8Array.from({ length: 5 * BLOCK_BYTES + 512 }, (_, i) => (i * 7919) & 0xff);
  expect(hashInBlocks(bytes, true).blob).toBe(digest(bytes));
});

test.each([0, 55, 56, 63, 64, 119, 120, 128])('padding is right for a tail of %i bytes', (tail) => {
  const bytes = Uint8Array.from({ length: BLOCK_BYTES + tail }, (_, i) => i & 0xff);
  expect(hashInBlocks(bytes, false).blob).toBe(digest(bytes));
});
