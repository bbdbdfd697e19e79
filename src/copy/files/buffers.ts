import { FILE_BUFFERS } from '../../limits.ts';
import { BufferRing } from '../ring.ts';

/** A buffer of exactly the length that was asked for; disposing it gives it back. */
export interface Borrowed extends Disposable {
  readonly bytes: Buffer;
}

/**
 * The buffers of a drive whose files are copied: three rings for three lengths, made once. So the
 * memory is the same for two million small files and for one of 200 GB, and nothing is left for a
 * collector to find in time. Who finds no buffer free waits, which is the back-pressure of the copy.
 */
export class FileBuffers {
  readonly #rings: readonly BufferRing[];

  /** @param longestRangeBytes the longest stretch that will ever be asked for. */
  constructor(longestRangeBytes: number) {
    const { smallBytes, mediumBytes, largeBytes } = FILE_BUFFERS;
    this.#rings = [
      new BufferRing(smallBytes, FILE_BUFFERS.smallTotalBytes),
      new BufferRing(mediumBytes, FILE_BUFFERS.mediumTotalBytes),
      new BufferRing(Math.max(largeBytes, longestRangeBytes), FILE_BUFFERS.largeTotalBytes),
    ];
  }

  /** Throws `cancelled`; a `RangeError` for more than the longest range. */
  async borrow(lengthBytes: number, signal: AbortSignal): Promise<Borrowed> {
    const ring = this.#rings.find(({ slotBytes }) => lengthBytes <= slotBytes);
    if (ring === undefined) throw new RangeError(`no buffer has ${lengthBytes} bytes`);
    const slot = await ring.acquire(signal);
    let held = true;
    return {
      bytes: slot.buffer.subarray(0, lengthBytes),
      [Symbol.dispose]: () => {
        if (held) ring.release(slot);
        held = false;
      },
    };
  }
}
