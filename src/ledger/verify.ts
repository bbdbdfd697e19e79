import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { anchorOf, firstBrokenEvent, type Link, lastEvent } from './event-log.ts';
import { NodeSqliteDialect } from './sqlite-dialect.ts';
import { attempt, inspectFile } from './sqlite-file.ts';
import type { Tables } from './tables.ts';

export interface LedgerReport {
  /** What is wrong with pages, indexes and references, a line each. */
  readonly problems: readonly string[];
  /** Entries of the event log, with those that left. */
  readonly events: number;
  /** The last entry that left for the archive. */
  readonly anchor: Link;
  /** The first entry that does not fit the chain of hashes; `undefined` when all do. */
  readonly brokenEvent: number | undefined;
  /** When the newest entry was written, ISO 8601. */
  readonly newestAt: string | undefined;
}

/**
 * Looks at every page, index and reference of a ledger and recomputes its event log, as all of it is at
 * one moment. Nothing is written, and a station may be at work in it. Throws as `inspectFile`.
 */
export async function verifyLedger(file: string): Promise<LedgerReport> {
  inspectFile(file);
  const database = attempt(file, () => new DatabaseSync(file, { readOnly: true }));
  const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect(database, { place: file }) });
  try {
    attempt(file, () => database.exec('BEGIN'));
    const problems = attempt(file, () => [
      ...wrongIn(database, 'integrity_check', 'integrity_check'),
      ...wrongIn(database, 'foreign_key_check', 'table'),
    ]);
    const newest = await lastEvent(db);
    return {
      problems,
      events: newest?.sequence ?? 0,
      anchor: await anchorOf(db),
      newestAt: newest?.at,
      brokenEvent: await firstBrokenEvent(db),
    };
  } finally {
    database.close();
  }
}

export function isSound({ problems, brokenEvent }: LedgerReport): boolean {
  return problems.length === 0 && brokenEvent === undefined;
}

function wrongIn(database: DatabaseSync, pragma: string, column: string): string[] {
  const rows = database.prepare(`PRAGMA ${pragma}`).all();
  return rows.map((row) => String(row[column])).filter((words) => words !== 'ok');
}
