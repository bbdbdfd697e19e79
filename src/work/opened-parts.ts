import { setTimeout as sleep } from 'node:timers/promises';
import { SHUTDOWN_DEADLINE_MS } from '../limits.ts';

/** What each part gets to close in although the whole is late. */
const CLOSE_MIN_MS = 500;

/** Keeps a part that was opened, by the name that is shown if it does not close; answers the part. */
export type Keep = <T>(name: string, part: T, close: (part: T) => unknown) => T;

interface Opened {
  readonly name: string;
  close(): unknown;
}

export interface OpenedPartsOptions {
  readonly logger: { error(fields: object, message: string): void };
  readonly onOpened?: ((name: string) => void) | undefined;
}

/** Everything that was opened and must be closed, in the order in which it was opened. */
export class OpenedParts {
  readonly #opened: Opened[] = [];
  readonly #logger: OpenedPartsOptions['logger'];
  readonly #onOpened: (name: string) => void;

  constructor({ logger, onOpened = () => undefined }: OpenedPartsOptions) {
    this.#logger = logger;
    this.#onOpened = onOpened;
  }

  readonly keep: Keep = (name, part, close) => {
    this.#opened.push({ name, close: () => close(part) });
    this.#onOpened(name);
    return part;
  };

  /**
   * Last opened, first closed, all within one deadline. One that fails or hangs is named, and the
   * others still get their turn.
   */
  async close(): Promise<void> {
    const deadline = performance.now() + SHUTDOWN_DEADLINE_MS;
    for (const part of [...this.#opened].reverse()) {
      await this.#closeOne(part, Math.max(deadline - performance.now(), CLOSE_MIN_MS));
    }
  }

  async #closeOne(part: Opened, leftMs: number): Promise<void> {
    const timer = new AbortController();
    const late = sleep(leftMs, 'late' as const, { signal: timer.signal });
    try {
      const ended = await Promise.race([Promise.resolve(part.close()), late]);
      if (ended === 'late') this.#logger.error({ part: part.name }, 'did not close in time');
    } catch (err) {
      this.#logger.error({ err, part: part.name }, 'did not close cleanly');
    } finally {
      timer.abort();
      late.catch(() => undefined);
    }
  }
}
