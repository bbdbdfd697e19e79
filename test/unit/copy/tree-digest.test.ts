import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { treeDigest } from '../../../src/copy/tree-digest.ts';

const sha256 = (...parts: Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The definition of RFC 6962 section 2.1, word for word: split at the largest power of two. */
function byTheBook(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return sha256(Uint8Array.of(0), only);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Uint8Array.of(1), byTheBook(leaves.slice(0, k)), byTheBook(leaves.slice(k)));
}

test('the root is the Merkle tree hash of RFC 6962 for any number of blocks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 40 }),
      (l) => {
        const leaves = l.map((bytes) => Buffer.from(bytes));
        const root = treeDigest(leaves.map((leaf) => leaf.toString('hex')));
        expect(root).toBe(byTheBook(leaves).toString('hex'));
      },
    ),
  );
});
