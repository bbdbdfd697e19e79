import { messageOf } from '../errors.ts';
import type { LedgerBackups } from '../ledger/backups.ts';
import type { Reserve } from './reserve.ts';
import { Rounds } from './rounds.ts';
import type { Troubles } from './troubles.ts';

export interface BackupKeeperOptions {
  readonly intervalMs: number;
}

export interface BackupKeeperDependencies {
  readonly backups: LedgerBackups;
  readonly troubles: Troubles;
  readonly reserve: Reserve;
  readonly logger: { info(fields: object, message: string): void };
}

/** Backs the ledger up at the start, and again and again while it changes and there is room. */
export class BackupKeeper {
  readonly #deps: BackupKeeperDependencies;
  readonly #rounds: Rounds;

  constructor({ intervalMs }: BackupKeeperOptions, dependencies: BackupKeeperDependencies) {
    this.#deps = dependencies;
    this.#rounds = new Rounds(intervalMs, () => this.#make());
  }

  start(): void {
    this.#rounds.start();
  }

  /** Resolves when the backup that is being made is done. */
  close(): Promise<void> {
    return this.#rounds.close();
  }

  async #make(): Promise<void> {
    const { backups, troubles, reserve, logger } = this.#deps;
    // What is left of the room is for what goes on.
    if (reserve.below || troubles.has('state-disk')) return;
    try {
      const file = await backups.make();
      if (file !== undefined) logger.info({ file }, 'the ledger was backed up');
      troubles.end('ledger-not-backed-up');
    } catch (error) {
      troubles.hold('ledger-not-backed-up', `The ledger is not backed up: ${messageOf(error)}.`);
    }
  }
}
