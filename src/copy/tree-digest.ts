import { createHash } from 'node:crypto';
import { fromHex } from '../domain/bytes.ts';

/**
 * The image digest: the Merkle tree hash of RFC 6962 section 2.1 whose inputs are the SHA-256 digests
 * of a blob's blocks, in order. It needs no state between attempts (the block ids carry the digests),
 * can be computed in parallel, and tells which block differs.
 *
 * @param blockDigests SHA-256 of each block, 64 hex digits.
 * @returns the root, 64 hex digits; for no blocks, the SHA-256 of nothing.
 */
export function treeDigest(blockDigests: readonly string[]): string {
  if (blockDigests.length === 0) return createHash('sha256').digest('hex');
  let level = blockDigests.map((digest) => node(0x00, fromHex(digest)));
  while (level.length > 1) level = parents(level);
  return level[0]?.toString('hex') ?? '';
}

/**
 * Pairing neighbours and carrying an odd last node up unchanged gives the same tree as RFC 6962's
 * split at the largest power of two.
 */
function parents(level: readonly Buffer[]): Buffer[] {
  const above: Buffer[] = [];
  for (let i = 0; i < level.length; i += 2) {
    const left = level[i] ?? Buffer.alloc(0);
    const right = level[i + 1];
    above.push(right === undefined ? left : node(0x01, left, right));
  }
  return above;
}

function node(prefix: number, ...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256').update(Uint8Array.of(prefix));
  for (const part of parts) hash.update(part);
  return hash.digest();
}
