import { StationError, throwIfCancelled } from '../errors.ts';

/**
 * A number of slots, given out in the order of asking. Everyone who asks gets an answer: a slot, or
 * `cancelled` when the own signal fires first. A slot that comes free while somebody waits goes to the
 * first in line and never to a newcomer.
 */
export class Slots {
  #count: number;
  #held = 0;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#count = checked(count);
  }

  /** Slots that are given out; more than there are for a while after they became fewer. */
  get held(): number {
    return this.#held;
  }

  /** Makes them more or fewer. Nobody loses a slot; fewer means that returned ones are not given out. */
  resize(count: number): void {
    this.#count = checked(count);
    this.#admit();
  }

  /** Resolves with a slot; disposing it, once or more often, gives it back. */
  async take(signal: AbortSignal): Promise<Disposable> {
    throwIfCancelled(signal);
    if (this.#held < this.#count) this.#held++;
    else await this.#turn(signal);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#giveBack();
        isHeld = false;
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
    this.#held--;
    this.#admit();
  }

  #admit(): void {
    for (const next of this.#waiting) {
      if (this.#held >= this.#count) return;
      this.#waiting.delete(next);
      this.#held++;
      next();
    }
  }
}

function checked(count: number): number {
  if (Number.isInteger(count) && count >= 1) return count;
  const detail = `${count} slots would let nothing pass`;
  throw new StationError('internal-error', detail, { detail });
}
