import { messageOf } from '../errors.ts';
import type { EventQuota } from '../ledger/event-quota.ts';
import type { Reserve } from './reserve.ts';
import { Rounds } from './rounds.ts';
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
  readonly #deps: EventKeeperDependencies;
  readonly #rounds: Rounds;
  #failedBecause: string | undefined;

  constructor({ intervalMs }: EventKeeperOptions, dependencies: EventKeeperDependencies) {
    this.#deps = dependencies;
    this.#rounds = new Rounds(intervalMs, (signal) => this.#look(signal));
  }

  start(): void {
    this.#rounds.start();
  }

  /** Resolves when the archive that is being written is done. */
  close(): Promise<void> {
    return this.#rounds.close();
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { quota, troubles, reserve, logger } = this.#deps;
    if (reserve.below || troubles.has('state-disk')) return;
    try {
      const files = await quota.keep(signal);
      this.#failedBecause = undefined;
      for (const file of files) logger.info({ file }, 'the oldest events left the ledger');
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#failedBecause) logger.warn({ reason }, 'the event log keeps growing');
      this.#failedBecause = reason;
    }
  }
}
