import { fromHex, toHex } from '../domain/bytes.ts';
import { type BlobPlan, blockCount } from '../domain/plan.ts';

const MD5_BYTES = 16;

/**
 * The MD5 of each block, for the copy log: a block's id has only its SHA-256. 16 bytes a block are
 * 2 MiB for a TiB of disk. What is not in here was staged by an attempt whose journal is lost; the log
 * then leaves the hash out.
 */
export class BlockSums {
  /** An MD5 of zeros stands for none: no one knows a block that has it. */
  readonly #sums = new Map<string, Buffer>();
  #size = 0;

  /** Blocks whose MD5 is known. */
  get size(): number {
    return this.#size;
  }

  set(blob: BlobPlan, index: number, md5: string): void {
    let sums = this.#sums.get(blob.name);
    if (sums === undefined) {
      sums = Buffer.alloc(blockCount(blob) * MD5_BYTES);
      this.#sums.set(blob.name, sums);
    }
    if (this.get(blob, index) === undefined) this.#size++;
    sums.set(fromHex(md5), index * MD5_BYTES);
  }

  delete(blob: BlobPlan, index: number): void {
    if (this.get(blob, index) === undefined) return;
    this.#size--;
    this.#sums.get(blob.name)?.fill(0, index * MD5_BYTES, (index + 1) * MD5_BYTES);
  }

  /** 32 hex digits. */
  get(blob: BlobPlan, index: number): string | undefined {
    const md5 = this.#sums.get(blob.name)?.subarray(index * MD5_BYTES, (index + 1) * MD5_BYTES);
    return md5?.some((byte) => byte !== 0) ? toHex(md5) : undefined;
  }
}
