import { StationError, throwIfCancelled } from '../errors.ts';

/**
 * A fixed number of slots, given out in the order of asking. Everyone who asks gets an answer: a
 * slot, or `cancelled` when the own signal fires first. A slot that comes free while somebody waits
 * goes to the first in line and never to a newcomer.
 */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    if (!Number.isInteger(count) || count < 1) {
      const detail = `${count} slots would let nothing pass`;
      throw new StationError('internal-error', detail, { detail });
    }
    this.#free = count;
  }

  /** Resolves with a slot; disposing it, once or more often, gives it back. */
  async take(signal: AbortSignal): Promise<Disposable> {
    throwIfCancelled(signal);
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#giveBack();
        held = false;
      },
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = () => {
        this.#waiting.delete(admit);
        reject(new StationError('cancelled', 'cancelled', {}, signal.reason));
      };
      const admit = () => {
        signal.removeEventListener('abort', cancel);
        resolve();
      };
      signal.addEventListener('abort', cancel, { once: true });
      this.#waiting.add(admit);
    });
  }

  #giveBack(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
