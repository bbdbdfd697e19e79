import type { Extent } from '../domain/plan.ts';
import { endOf } from '../domain/rescue/map.ts';
import type { PlannedBlock } from './planned-block.ts';
import type { Slot } from './ring.ts';
import type { Scratch } from './scratch.ts';

/**
 * The block that is being read piece by piece. Its bytes lie in a slot until the block is whole or
 * another one has its turn: what comes in one go then never sees the scratch.
 */
export class BlockInHand {
  readonly block: PlannedBlock;
  readonly slot: Slot;
  /** What was read and is not in the scratch yet, in bytes of the disk. */
  #fresh: Extent[] = [];
  #flushed: Promise<unknown> = Promise.resolve();

  constructor(block: PlannedBlock, slot: Slot) {
    this.block = block;
    this.slot = slot;
  }

  /** Whether a piece of the disk is one of the block. */
  holds(piece: Extent): boolean {
    const { extent } = this.block;
    return piece.offsetBytes >= extent.offsetBytes && endOf(piece) <= endOf(extent);
  }

  /** Where the bytes of a piece of the block go. */
  placeOf({ offsetBytes, lengthBytes }: Extent): Buffer {
    const at = offsetBytes - this.block.extent.offsetBytes;
    return this.slot.buffer.subarray(at, at + lengthBytes);
  }

  /** A piece was read. */
  keep(piece: Extent): void {
    const last = this.#fresh.at(-1);
    if (last !== undefined && endOf(last) === piece.offsetBytes) {
      const lengthBytes = last.lengthBytes + piece.lengthBytes;
      this.#fresh[this.#fresh.length - 1] = { ...last, lengthBytes };
    } else if (last !== undefined && endOf(piece) === last.offsetBytes) {
      const lengthBytes = last.lengthBytes + piece.lengthBytes;
      this.#fresh[this.#fresh.length - 1] = { ...piece, lengthBytes };
    } else this.#fresh.push(piece);
  }

  /** Whether every byte of the block lies in the slot. */
  get isWhole(): boolean {
    const [only] = this.#fresh;
    return this.#fresh.length === 1 && only?.lengthBytes === this.block.extent.lengthBytes;
  }

  /** Whether something was read that is not in the scratch yet. */
  get isFresh(): boolean {
    return this.#fresh.length > 0;
  }

  /**
   * Resolves when all that was read lies in the scratch; the slot is in use until then. It has its turn
   * there before whatever is asked of the scratch after this call.
   */
  async flush(scratch: Scratch): Promise<void> {
    const { offsetBytes } = this.block.extent;
    const writes = this.#fresh.map((piece) =>
      scratch.write(offsetBytes, piece.offsetBytes - offsetBytes, this.placeOf(piece)),
    );
    this.#fresh = [];
    this.#flushed = Promise.all([this.#flushed, ...writes]);
    await this.#flushed;
  }
}
