import { freeSpace } from '../detect/free-space.ts';
import { backupDirectoryOf, LedgerBackups } from '../ledger/backups.ts';
import { archiveDirectoryOf } from '../ledger/event-archive.ts';
import { EventQuota } from '../ledger/event-quota.ts';
import type { SqliteLedger } from '../ledger/sqlite.ts';
import { EVENT_LOG_LOOK_MS, FREE_SPACE_INTERVAL_MS, LEDGER_BACKUP_INTERVAL_MS } from '../limits.ts';
import { BackupKeeper } from './backup-keeper.ts';
import type { EmergencySlice } from './emergency-slice.ts';
import { EventKeeper } from './event-keeper.ts';
import { keyWatch } from './key-watch.ts';
import type { Keep } from './opened-parts.ts';
import { Reserve } from './reserve.ts';
import type { Troubles } from './troubles.ts';

export interface StateWatchOptions {
  readonly stateDirectory: string;
  /** Free space below which no drive is started. */
  readonly reserveBytes: number;
  /** Entries that the event log keeps. */
  readonly eventsKept: number;
}

interface StateLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface StateWatchDependencies {
  readonly ledger: SqliteLedger;
  readonly troubles: Troubles;
  readonly slice: EmergencySlice;
  now(): Date;
  log(subsystem: string): StateLogger;
  /** Whether the free space is below the reserve may have changed. */
  onReserve(below: boolean): void;
}

export interface StateWatch {
  readonly reserve: Reserve;
  start(): void;
}

/**
 * What looks after the state directory: its room, the backups of the ledger and the quota of its event
 * log. Begins nothing.
 */
export function watchState(
  { stateDirectory, reserveBytes, eventsKept }: StateWatchOptions,
  { ledger, troubles, slice, now, log, onReserve }: StateWatchDependencies,
  keep: Keep,
): StateWatch {
  const reserve = new Reserve({
    ...{ directory: stateDirectory, reserveBytes },
    ...{ slice, troubles, intervalMs: FREE_SPACE_INTERVAL_MS },
    look: (signal) => freeSpace(stateDirectory, signal),
    onChange: ({ below }) => onReserve(below),
    logger: log('reserve'),
  });
  keep('reserve', reserve, (part) => part.close());
  const directory = backupDirectoryOf(stateDirectory);
  const backups = new BackupKeeper(
    { intervalMs: LEDGER_BACKUP_INTERVAL_MS },
    {
      backups: new LedgerBackups({ directory }, { ledger, now }),
      ...{ troubles, reserve, logger: log('ledger') },
    },
  );
  keep('backups', backups, (part) => part.close());
  const quota = new EventQuota(
    { directory: archiveDirectoryOf(stateDirectory), keptEntries: eventsKept },
    { rows: ledger.eventRows },
  );
  const events = new EventKeeper(
    { intervalMs: EVENT_LOG_LOOK_MS },
    { quota, troubles, reserve, logger: log('ledger') },
  );
  keep('event log', events, (part) => part.close());
  const key = keyWatch({ ledger, troubles });
  keep('key watch', key, (part) => part.close());
  const start = () => {
    for (const part of [reserve, backups, events, key]) part.start();
  };
  return { reserve, start };
}
