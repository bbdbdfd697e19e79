import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isStationError, type StationError } from '../errors.ts';
import { backupDirectoryOf, ledgerFileOf, refuseLostLedger } from '../ledger/backups.ts';
import { keyMissing, readOrMakeSecretKey, readSecretKey, secretBox } from '../ledger/secret-box.ts';
import { SqliteLedger, type SqliteLedgerOptions } from '../ledger/sqlite.ts';
import type { EmergencySlice } from './emergency-slice.ts';

export interface LedgerOpening {
  readonly stateDirectory: string;
  /** The station's name. */
  readonly name: string;
  /** Holds the key that seals secrets; the station makes its own when none is named. */
  readonly keyFile: string | undefined;
}

export interface LedgerOpeningDependencies {
  /** The room that was kept for a full disk. */
  readonly slice: EmergencySlice;
  now(): Date;
  /** The ledger is damaged. */
  onDamaged(error: StationError): void;
  /** The disk of the ledger could not do its part. */
  onDiskFailed(error: StationError): void;
}

/**
 * Opens the station's ledger; on a full disk with the room that was kept for that. Throws
 * `state-disk-failed`, `ledger-newer`, `ledger-unreadable`, `secret-key-unreadable`.
 */
export async function openLedger(
  opening: LedgerOpening,
  { slice, now, onDamaged, onDiskFailed }: LedgerOpeningDependencies,
): Promise<SqliteLedger> {
  const { stateDirectory, name } = opening;
  const file = ledgerFileOf(stateDirectory);
  await refuseLostLedger(file, backupDirectoryOf(stateDirectory));
  const options: SqliteLedgerOptions = {
    ...{ file, station: name, now, uuid: randomUUID },
    randomHex: (bytes: number) => randomBytes(bytes).toString('hex'),
    makeRoom: () => slice.release(),
    onError: (error: StationError) => {
      if (isStationError(error, 'ledger-unreadable')) onDamaged(error);
      if (isStationError(error, 'state-disk-failed')) onDiskFailed(error);
    },
  };
  const openWith = (given: SqliteLedgerOptions) =>
    SqliteLedger.open(given).catch((error) => {
      if (!isStationError(error, 'state-disk-failed') || !slice.release()) throw error;
      return SqliteLedger.open(given);
    });
  const key = await secretKey(opening, () => openWith(options));
  return await openWith({ ...options, secrets: secretBox(key) });
}

/**
 * The configured key file must be there; the station's own is made at the first start, and not again
 * while the ledger holds what needs the one that was lost.
 */
async function secretKey(
  { keyFile, stateDirectory }: LedgerOpening,
  openWithoutKey: () => Promise<SqliteLedger>,
): Promise<Uint8Array> {
  if (keyFile !== undefined) return await readSecretKey(keyFile);
  const own = join(stateDirectory, 'secrets.key');
  if (!existsSync(own) && existsSync(ledgerFileOf(stateDirectory))) {
    const ledger = await openWithoutKey();
    const sealed = ledger.foreignSecrets();
    await ledger.close();
    if (sealed > 0) throw keyMissing(own, sealed);
  }
  return await readOrMakeSecretKey(own);
}
