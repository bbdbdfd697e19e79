import { fromHex, toHex } from '../domain/bytes.ts';
import { StationError } from '../errors.ts';
import { md5Module } from './md5-kernel.ts';

/** The state before the first byte: the words of RFC 1321 section 3.3, little-endian, in hex. */
export const MD5_START = '0123456789abcdeffedcba9876543210';

const CHUNK_BYTES = 64;
const STATE_BYTES = 16;

export interface HashedBlock {
  /** MD5 of the block alone, 32 hex digits. */
  readonly md5: string;
  /** The blob's running state after the block; after its last block, the blob's MD5. */
  readonly state: string;
}

export interface BlockToHash {
  /** Where the block lies in the ring's memory. */
  readonly offsetBytes: number;
  /** A multiple of 64 unless it is the blob's last block. */
  readonly lengthBytes: number;
  /** The blob's state before this block. */
  readonly state: string;
  /** Given for a blob's last block: the length of the whole blob. */
  readonly blobBytes?: number;
}

/**
 * MD5 of a block and of the blob it belongs to, in one pass over the block where it lies. Needs 256
 * bytes of the memory for itself, from `scratchOffset`, a multiple of 64.
 */
export class Md5 {
  readonly #chunks: (at: number, end: number, state: number) => void;
  readonly #bytes: Uint8Array;
  readonly #scratch: number;

  constructor(memory: WebAssembly.Memory, scratchOffset: number) {
    const { exports } = new WebAssembly.Instance(md5Module(), { ring: { memory } });
    const chunks = exports.chunks;
    if (typeof chunks !== 'function') {
      throw new StationError('internal-error', 'the MD5 module has no entry', { detail: 'chunks' });
    }
    this.#chunks = (at, end, state) => void chunks(at, end, state);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#scratch = scratchOffset;
  }

  hash(block: BlockToHash): HashedBlock {
    const whole = block.lengthBytes - (block.lengthBytes % CHUNK_BYTES);
    this.#setStates(block.state, MD5_START);
    if (whole > 0) {
      this.#chunks(block.offsetBytes, block.offsetBytes + whole, this.#scratch);
    }
    const [blobState, blockState] = this.#states();
    const rest = this.#bytes.slice(
      block.offsetBytes + whole,
      block.offsetBytes + block.lengthBytes,
    );
    const md5 = this.#finish(blockState, rest, block.lengthBytes);
    const last = block.blobBytes !== undefined;
    return { md5, state: last ? this.#finish(blobState, rest, block.blobBytes) : blobState };
  }

  /** Pads as RFC 1321 sections 3.1 and 3.2 say and gives the digest. */
  #finish(state: string, rest: Uint8Array, totalBytes: number): string {
    const padded = new Uint8Array(rest.length < CHUNK_BYTES - 8 ? CHUNK_BYTES : 2 * CHUNK_BYTES);
    padded.set(rest);
    padded[rest.length] = 0x80;
    const length = BigInt(totalBytes) * 8n;
    new DataView(padded.buffer).setBigUint64(padded.length - 8, length, true);
    const at = this.#scratch + CHUNK_BYTES;
    this.#bytes.set(padded, at);
    this.#setStates(state, state);
    this.#chunks(at, at + padded.length, this.#scratch);
    return this.#states()[0];
  }

  #setStates(blob: string, block: string): void {
    this.#bytes.set(fromHex(blob), this.#scratch);
    this.#bytes.set(fromHex(block), this.#scratch + STATE_BYTES);
  }

  #states(): [string, string] {
    const at = this.#scratch;
    const hex = (from: number) => toHex(this.#bytes.slice(from, from + STATE_BYTES));
    return [hex(at), hex(at + STATE_BYTES)];
  }
}
