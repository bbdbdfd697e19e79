import { StationError, throwIfCancelled } from '../../errors.ts';

/**
 * One writer for each name at a time. A manifest may name one blob twice, or a blob whose name is what
 * another one is renamed to; their blocks must never meet under one name. Whoever comes first, in the
 * order of the plan, is first.
 *
 * Nobody waits for ever: who holds a name only waits for names that are made of it by renaming, and
 * those are longer.
 */
export class NameLocks {
  readonly #held = new Map<string, Promise<void>>();

  /** Resolves when the name is free, or free again; disposing the lock gives it back. */
  async take(name: string, signal: AbortSignal): Promise<Disposable> {
    throwIfCancelled(signal);
    const before = this.#held.get(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    const whenFree = before === undefined ? promise : before.then(() => promise);
    this.#held.set(name, whenFree);
    const giveBack = () => {
      resolve();
      if (this.#held.get(name) === whenFree) this.#held.delete(name);
    };
    try {
      if (before !== undefined) await unlessCancelled(before, signal);
    } catch (error) {
      giveBack();
      throw error;
    }
    return { [Symbol.dispose]: giveBack };
  }
}

async function unlessCancelled(wait: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(new StationError('cancelled', 'cancelled', {}, signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([wait, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
