import type { Brand } from './brand.ts';
import { fromBase64, fromHex, toBase64, toHex } from './bytes.ts';

/** A Put Block id: Base64 of 61 bytes, so that all ids of a blob are of equal length, as required. */
export type BlockId = Brand<string, 'BlockId'>;

interface AnyBlock {
  /** 16 hex digits drawn when the copy was created: tells our blocks from older debris. */
  readonly nonce: string;
  /** Position in the blob, 0 to 49,999. */
  readonly index: number;
  /** SHA-256 of the block's bytes, 64 hex digits. */
  readonly sha256: string;
}

/** A block of a run from the blob's beginning, read without an error. */
export interface ChainedBlock extends AnyBlock {
  /** The four words of the blob's MD5 after this block, 32 hex digits. */
  readonly md5State: string;
  readonly unreadableBytes?: undefined;
}

/** A block behind one that could not be read at its turn, or such a block itself. */
export interface LooseBlock extends AnyBlock {
  readonly md5State?: undefined;
  /** Bytes that stand as zeros in the block because the disk did not give them. */
  readonly unreadableBytes: number;
}

/**
 * What a block id says. Because the id carries the digest of the block and either the state of the
 * blob's running MD5 after it or the number of bytes that are missing in it, the store's own block list
 * is enough to rebuild a lost journal and to know that a blob is not whole, and two writers that
 * disagree about a block's bytes can never replace each other's work.
 */
export type BlockIdParts = ChainedBlock | LooseBlock;

const CHAINED = 1;
const LOOSE = 2;
const NONCE_BYTES = 8;
const SHA256_BYTES = 32;
const MD5_STATE_BYTES = 16;
/** Where the MD5 state stands, or the number of missing bytes and zeros behind it. */
const LAST_AT = 5 + NONCE_BYTES + SHA256_BYTES;
/** Version, nonce, index, SHA-256, MD5 state: below the limit of 64 bytes that Put Block sets. */
const ID_BYTES = LAST_AT + MD5_STATE_BYTES;

export function encodeBlockId(parts: BlockIdParts): BlockId {
  const bytes = new Uint8Array(ID_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = parts.md5State === undefined ? LOOSE : CHAINED;
  bytes.set(fromHex(parts.nonce), 1);
  view.setUint32(1 + NONCE_BYTES, parts.index);
  bytes.set(fromHex(parts.sha256), 5 + NONCE_BYTES);
  if (parts.md5State === undefined) view.setUint32(LAST_AT, parts.unreadableBytes);
  else bytes.set(fromHex(parts.md5State), LAST_AT);
  return toBase64(bytes) as BlockId;
}

/** Reads an id back; `undefined` when it is not one of ours, whatever it is. */
export function decodeBlockId(id: string): (BlockIdParts & { readonly id: BlockId }) | undefined {
  const bytes = fromBase64(id);
  if (bytes?.length !== ID_BYTES) return undefined;
  const hex = (from: number, length: number) => toHex(bytes.subarray(from, from + length));
  const view = new DataView(bytes.buffer);
  const block = {
    id: id as BlockId,
    nonce: hex(1, NONCE_BYTES),
    index: view.getUint32(1 + NONCE_BYTES),
    sha256: hex(5 + NONCE_BYTES, SHA256_BYTES),
  };
  if (bytes[0] === CHAINED) return { ...block, md5State: hex(LAST_AT, MD5_STATE_BYTES) };
  const isLoose = bytes[0] === LOOSE && bytes.subarray(LAST_AT + 4).every((byte) => byte === 0);
  return isLoose ? { ...block, unreadableBytes: view.getUint32(LAST_AT) } : undefined;
}
