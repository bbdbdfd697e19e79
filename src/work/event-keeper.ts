import { messageOf } from '../errors.ts';
import type { EventQuota } from '../ledger/event-quota.ts';
import type { Reserve } from './reserve.ts';
import type { Troubles } from './troubles.ts';

export interface EventKeeperOptions {
  readonly intervalMs: number;
}

export interface EventKeeperDependencies {
  readonly quota: Pick<EventQuota, 'keep'>;
  readonly troubles: Pick<Troubles, 'has'>;
  readonly reserve: Pick<Reserve, 'below'>;
  readonly logger: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

/** Keeps the event log within its quota, from the start on and while there is room for its archives. */
export class EventKeeper {
  readonly #options: EventKeeperOptions;
  readonly #deps: EventKeeperDependencies;
  readonly #stop = new AbortController();
  #round: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failedBecause: string | undefined;

  constructor(options: EventKeeperOptions, dependencies: EventKeeperDependencies) {
    this.#options = options;
    this.#deps = dependencies;
  }

  start(): void {
    const next = () => {
      this.#round = this.#round.then(() => this.#look());
    };
    this.#timer = setInterval(next, this.#options.intervalMs);
    next();
  }

  /** Resolves when the archive that is being written is done. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#round;
  }

  async #look(): Promise<void> {
    const { quota, troubles, reserve, logger } = this.#deps;
    if (this.#stop.signal.aborted || reserve.below || troubles.has('state-disk')) return;
    try {
      const files = await quota.keep(this.#stop.signal);
      this.#failedBecause = undefined;
      for (const file of files) logger.info({ file }, 'the oldest events left the ledger');
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#failedBecause) logger.warn({ reason }, 'the event log keeps growing');
      this.#failedBecause = reason;
    }
  }
}
