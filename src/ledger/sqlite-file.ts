import { closeSync, existsSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { asStateDiskError, StationError } from '../errors.ts';
import { syncPath } from '../sync-path.ts';
import { MIGRATION_TABLE, MIGRATIONS } from './migrations.ts';
import { sqliteError } from './sqlite-errors.ts';

/**
 * What the ledger's file says before anybody writes to it. SQLite takes an empty file, or a write-ahead
 * log that it does not understand, for a database that has just begun: the station would go on with
 * nothing in it, as if there had never been a job.
 */

/** A write-ahead log lies beside its database, and so does the index of that. */
const WAL = '-wal';
const COMPANIONS = [WAL, '-shm'] as const;
/** https://sqlite.org/fileformat2.html#the_write_ahead_log */
const WAL_HEADER_BYTES = 32;
const WAL_MAGIC: ReadonlySet<number> = new Set([0x377f0682, 0x377f0683]);

/** The files of a ledger: the database and what SQLite keeps beside it. */
export function filesOf(file: string): string[] {
  return [file, ...COMPANIONS.map((companion) => file + companion)];
}

interface Closable {
  readonly database: DatabaseSync;
}

/** A ledger that is not there yet is made whole before it gets its name: what is empty was emptied. */
export async function beginFile(
  file: string,
  make: (file: string) => Promise<Closable>,
): Promise<void> {
  if (existsSync(file)) return;
  if (sizeOf(file + WAL) > 0) {
    throw unreadable(file, `${file} is missing, but its write-ahead log ${file}${WAL} is there`);
  }
  const fresh = `${file}.new`;
  for (const left of filesOf(fresh)) rmSync(left, { force: true });
  try {
    const { database } = await make(fresh);
    database.close();
    await syncPath(fresh);
    await rename(fresh, file);
    await syncPath(dirname(file));
  } catch (error) {
    throw asStateDiskError(file, error);
  }
}

/**
 * Looks at the file through a connection that cannot write, before anything could change it. Throws
 * `ledger-newer`, `ledger-unreadable`, `state-disk-failed`, `ledger-failed`.
 */
export function inspectFile(file: string): void {
  if (!statSync(file).isFile()) throw unreadable(file, `${file} is no file`);
  if (sizeOf(file) === 0) throw unreadable(file, `${file} is empty (0 bytes)`);
  checkLog(file);
  const database = attempt(file, () => new DatabaseSync(file, { readOnly: true }));
  try {
    attempt(file, () => checkContent(database, file));
  } finally {
    database.close();
  }
}

/** SQLite passes over a log with a damaged head, and with it over all that was committed into it. */
function checkLog(file: string): void {
  const log = file + WAL;
  if (sizeOf(log) < WAL_HEADER_BYTES) return;
  const head = Buffer.alloc(WAL_HEADER_BYTES);
  const descriptor = openSync(log, 'r');
  try {
    readSync(descriptor, head, 0, WAL_HEADER_BYTES, 0);
  } finally {
    closeSync(descriptor);
  }
  // Zeros are a log whose first write was cut off by a loss of power: nothing was committed into it.
  const isBegun = head.some((byte) => byte !== 0);
  if (!isBegun || WAL_MAGIC.has(head.readUInt32BE(0))) return;
  const words = `${log}, the write-ahead log, is damaged: it may hold the last changes of the ledger`;
  throw unreadable(file, words);
}

function checkContent(database: DatabaseSync, file: string): void {
  const [answer] = database.prepare('PRAGMA quick_check(1)').all();
  if (answer?.quick_check !== 'ok') {
    throw unreadable(file, `${file} is damaged: ${String(answer?.quick_check)}`);
  }
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  if (!tables.some((table) => table.name === MIGRATION_TABLE)) {
    throw unreadable(file, `${file} is no ledger`);
  }
  const versions = database.prepare(`SELECT name FROM ${MIGRATION_TABLE} ORDER BY name`).all();
  const unknown = versions
    .map((row) => String(row.name))
    .find((name) => !Object.hasOwn(MIGRATIONS, name));
  if (unknown === undefined) return;
  const newest = Object.keys(MIGRATIONS).at(-1) ?? '';
  const words = `${file} was written by a newer version of the station: it is at ${unknown}, and this version knows up to ${newest}`;
  throw new StationError('ledger-newer', words, { file, found: unknown, known: newest });
}

function unreadable(file: string, words: string): StationError {
  return new StationError('ledger-unreadable', words, { file });
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Gives what SQLite threw its code. */
export function attempt<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw sqliteError(file, cause);
  }
}
