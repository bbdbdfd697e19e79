import { StationError, throwIfCancelled } from '../errors.ts';
import { RING_BYTES } from '../limits.ts';

/** One buffer of the ring: page-aligned memory that reads, hashes and requests use in place. */
export interface Slot {
  readonly index: number;
  /** Where the slot begins in the ring's memory. */
  readonly offsetBytes: number;
  readonly buffer: Buffer;
}

/** Before the slots: one WebAssembly page of scratch space for the hash threads. */
const SCRATCH_BYTES = 65_536;

/**
 * The fixed ring of buffers that bounds a drive's memory. The memory is a shared WebAssembly one: it
 * is page-aligned, so O_DIRECT reads fill it, hash threads see it, and requests are sent from it.
 * Who wants a slot when none is free waits; that is the back-pressure of the whole pipeline.
 */
export class BufferRing {
  readonly memory: WebAssembly.Memory;
  readonly slotBytes: number;
  readonly slotCount: number;
  readonly #free: Slot[];
  readonly #waiting: ((slot: Slot) => void)[] = [];

  constructor(slotBytes: number, totalBytes = RING_BYTES) {
    const pages = (SCRATCH_BYTES + totalBytes) / 65_536;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.slotBytes = slotBytes;
    this.slotCount = Math.floor(totalBytes / slotBytes);
    this.#free = Array.from({ length: this.slotCount }, (_, index) => {
      const offsetBytes = SCRATCH_BYTES + index * slotBytes;
      const buffer = Buffer.from(this.memory.buffer, offsetBytes, slotBytes);
      return { index, offsetBytes, buffer };
    });
  }

  /** Waits for a free slot. Throws `cancelled`. */
  acquire(signal: AbortSignal): Promise<Slot> {
    throwIfCancelled(signal);
    const slot = this.#free.pop();
    if (slot !== undefined) return Promise.resolve(slot);
    return new Promise((resolve, reject) => {
      const give = (free: Slot) => {
        signal.removeEventListener('abort', onAbort);
        resolve(free);
      };
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(give), 1);
        reject(new StationError('cancelled', 'cancelled', {}, signal.reason));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(give);
    });
  }

  release(slot: Slot): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next(slot);
    else this.#free.push(slot);
  }
}
