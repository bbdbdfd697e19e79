import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { asStateDiskError, StationError } from '../errors.ts';
import { LEDGER_BACKUP_INTERVAL_MS, LEDGER_BACKUPS_KEPT } from '../limits.ts';
import { syncPath } from '../sync-path.ts';
import type { Ledger } from './contract.ts';
import { filesOf, inspectFile } from './sqlite-file.ts';

export interface BackupsOptions {
  readonly directory: string;
}

export interface BackupsDependencies {
  readonly ledger: Pick<Ledger, 'lastEvent'> & { backUp(file: string): Promise<void> };
  now(): Date;
}

/** By time in the name, so that the order of names is the order of age. */
const BACKUP = /^ledger-\d{8}T\d{6}Z\.sqlite$/u;
const UNFINISHED = 'ledger.new';
const APART_MS = LEDGER_BACKUP_INTERVAL_MS / 2;

/** The backups in a directory, newest first. */
export async function backupsIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => BACKUP.test(name))
    .sort()
    .reverse()
    .map((name) => join(directory, name));
}

export function ledgerFileOf(stateDirectory: string): string {
  return join(stateDirectory, 'ledger.sqlite');
}

/** Where they lie in a state directory. */
export function backupDirectoryOf(stateDirectory: string): string {
  return join(stateDirectory, 'backups');
}

/**
 * A station that had a ledger does not begin with an empty one as if there had never been a job.
 * Throws `ledger-unreadable` when the file is missing and backups of it are there.
 */
export async function refuseLostLedger(file: string, directory: string): Promise<void> {
  if (existsSync(file)) return;
  const [newest] = await backupsIn(directory);
  if (newest === undefined) return;
  const words = `${file} is missing, but there are backups of it, the newest ${newest}`;
  throw new StationError('ledger-unreadable', words, { file });
}

/**
 * Whole copies of the ledger in files of their own: each is of one moment, was looked at as a ledger is
 * at the start, and is on the medium before it has its name. The oldest goes when there are too many.
 */
export class LedgerBackups {
  readonly #directory: string;
  readonly #deps: BackupsDependencies;
  #backedUp = -1;

  constructor({ directory }: BackupsOptions, dependencies: BackupsDependencies) {
    this.#directory = directory;
    this.#deps = dependencies;
  }

  /**
   * Makes a backup when there was any change since the last one; answers its file. Throws
   * `ledger-unreadable` when the ledger is damaged, `state-disk-failed`, `ledger-failed`.
   */
  async make(): Promise<string | undefined> {
    const { ledger } = this.#deps;
    const sequence = (await ledger.lastEvent())?.sequence ?? 0;
    if (sequence === this.#backedUp) return undefined;
    const unfinished = join(this.#directory, UNFINISHED);
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      const file = await this.#write(unfinished);
      await this.#prune();
      this.#backedUp = sequence;
      return file;
    } catch (error) {
      throw asStateDiskError(this.#directory, error);
    } finally {
      for (const left of filesOf(unfinished)) await rm(left, { force: true });
    }
  }

  async #write(unfinished: string): Promise<string> {
    // Made here, so that nobody else may read it at any moment.
    await (await open(unfinished, 'w', 0o600)).close();
    await this.#deps.ledger.backUp(unfinished);
    inspectFile(unfinished);
    await syncPath(unfinished);
    const [newest] = await backupsIn(this.#directory);
    const file = join(this.#directory, nameAfter(newest, this.#deps.now()));
    await rename(unfinished, file);
    await syncPath(this.#directory);
    return file;
  }

  async #prune(): Promise<void> {
    const files = await backupsIn(this.#directory);
    const kept = spaced(files).slice(0, LEDGER_BACKUPS_KEPT);
    for (const file of files) if (!kept.includes(file)) await rm(file, { force: true });
  }
}

/**
 * The newest, and of the others those that are well apart: a station that starts again and again makes
 * one each time, and must not drive out the older ones with them. Newest first, as they came.
 */
function spaced(files: readonly string[]): string[] {
  const [newest, ...older] = files;
  if (newest === undefined) return [];
  const kept: string[] = [];
  for (const file of older.reverse()) {
    const last = kept.at(-1);
    if (last === undefined || timeOf(file) - timeOf(last) >= APART_MS) kept.push(file);
  }
  return [newest, ...kept.reverse()];
}

/** In ms since 1970, from the name. */
function timeOf(file: string): number {
  const digits = file.slice(-'20260102T030405Z.sqlite'.length);
  return Date.parse(digits.replace(/^(....)(..)(..T..)(..)(..Z).*$/u, '$1-$2-$3:$4:$5'));
}

/**
 * By the clock, unless that is behind the newest one: of backups that a clock made which was years ahead,
 * each later one would be the oldest, and the first to go.
 */
function nameAfter(newest: string | undefined, now: Date): string {
  const name = nameOf(now);
  if (newest === undefined || name > basename(newest)) return name;
  return nameOf(new Date(timeOf(newest) + APART_MS));
}

function nameOf(time: Date): string {
  return `ledger-${stampOf(time)}.sqlite`;
}

/** `20260102T030405Z`. */
export function stampOf(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace(/[-:]/gu, '')}Z`;
}
