import type { Brand } from './brand.ts';
import { fromBase64, fromHex, toBase64, toHex } from './bytes.ts';

/** A Put Block id: Base64 of 61 bytes, so that all ids of a blob are of equal length, as required. */
export type BlockId = Brand<string, 'BlockId'>;

/**
 * What a block id says. Because the id carries the digest of the block and the state of the blob's
 * running MD5 after it, the store's own block list is enough to rebuild a lost journal, and two
 * writers that disagree about a block's bytes can never replace each other's work.
 */
export interface BlockIdParts {
  /** 16 hex digits drawn when the copy was created: tells our blocks from older debris. */
  readonly nonce: string;
  /** Position in the blob, 0 to 49,999. */
  readonly index: number;
  /** SHA-256 of the block's bytes, 64 hex digits. */
  readonly sha256: string;
  /** The four words of the blob's MD5 after this block, 32 hex digits. */
  readonly md5State: string;
}

const VERSION = 1;
const NONCE_BYTES = 8;
const SHA256_BYTES = 32;
const MD5_STATE_BYTES = 16;
/** Version, nonce, index, SHA-256, MD5 state: below the limit of 64 bytes that Put Block sets. */
const ID_BYTES = 1 + NONCE_BYTES + 4 + SHA256_BYTES + MD5_STATE_BYTES;

export function encodeBlockId(parts: BlockIdParts): BlockId {
  const bytes = new Uint8Array(ID_BYTES);
  bytes[0] = VERSION;
  bytes.set(fromHex(parts.nonce), 1);
  new DataView(bytes.buffer).setUint32(1 + NONCE_BYTES, parts.index);
  bytes.set(fromHex(parts.sha256), 5 + NONCE_BYTES);
  bytes.set(fromHex(parts.md5State), 5 + NONCE_BYTES + SHA256_BYTES);
  return toBase64(bytes) as BlockId;
}

/** Reads an id back; `undefined` when it is not one of ours, whatever it is. */
export function decodeBlockId(id: string): (BlockIdParts & { readonly id: BlockId }) | undefined {
  const bytes = fromBase64(id);
  if (bytes?.length !== ID_BYTES || bytes[0] !== VERSION) return undefined;
  const hex = (from: number, length: number) => toHex(bytes.subarray(from, from + length));
  return {
    id: id as BlockId,
    nonce: hex(1, NONCE_BYTES),
    index: new DataView(bytes.buffer).getUint32(1 + NONCE_BYTES),
    sha256: hex(5 + NONCE_BYTES, SHA256_BYTES),
    md5State: hex(5 + NONCE_BYTES + SHA256_BYTES, MD5_STATE_BYTES),
  };
}
