import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { Kysely } from 'kysely';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import type { StationError } from '../../../src/errors.ts';
import { MIGRATIONS, migrateToLatest } from '../../../src/ledger/migrations.ts';
import { NodeSqliteDialect, openDurable } from '../../../src/ledger/sqlite-dialect.ts';
import type { Tables } from '../../../src/ledger/tables.ts';
import {
  aNewJob,
  openLedger,
  TEST_TIME,
  type TemporaryDirectory,
  temporaryDirectory,
  transferring,
} from '../../support/ledger.ts';

/** A ledger as version 1 wrote it, dumped as SQL; it never changes. */
const VERSION_1 = fileURLToPath(new URL('version-1.sql', import.meta.url));

let directory: TemporaryDirectory;
let file: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  file = join(directory.path, 'ledger.sqlite');
  onTestFinished(() => directory[Symbol.asyncDispose]());
});

it('syncs every commit, keeps a write-ahead log and enforces references', async () => {
  const database = openDurable(file);
  const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  expect(pragma('journal_mode')).toBe('wal');
  expect(pragma('synchronous')).toBe(2);
  expect(pragma('foreign_keys')).toBe(1);
  expect(pragma('busy_timeout')).toBe(5000);
  database.close();
});

it('has strict tables only', async () => {
  await (await openLedger(file)).close();
  const database = new DatabaseSync(file);
  const loose = database
    .prepare(`SELECT name FROM pragma_table_list
      WHERE schema = 'main' AND NOT strict AND name NOT LIKE 'kysely%' AND name NOT LIKE 'sqlite%'`)
    .all();
  database.close();
  expect(loose).toEqual([]);
});

it('reads what version 1 wrote', async () => {
  const shell = new DatabaseSync(file);
  shell.exec(await readFile(VERSION_1, 'utf8'));
  shell.close();
  const ledger = await openLedger(file);
  const [job] = await ledger.jobs();
  expect(job).toMatchObject({ name: 'archive', state: { name: 'Shipping' } });
  const drives = job === undefined ? [] : await ledger.drivesOf(job.id);
  expect(drives.map((drive) => drive.state.name)).toEqual(['Transferring']);
  expect(await ledger.firstBrokenEvent()).toBeUndefined();
  await ledger.note('x', 'noted', {}, 'alex');
  expect(await ledger.firstBrokenEvent()).toBeUndefined();
  await ledger.close();
});

it('begins the clocks of jobs of version 1 where that version ended, not where they were made', async () => {
  const shell = new DatabaseSync(file);
  shell.exec(await readFile(VERSION_1, 'utf8'));
  shell.exec("UPDATE jobs SET created_at = '2024-01-01T00:00:00.000Z'");
  shell.close();
  const ledger = await openLedger(file);
  const last = '2026-01-02T03:04:05.678Z';
  const [job] = await ledger.jobs();
  expect(job).toMatchObject({ awaitedSince: last, state: { name: 'Shipping', since: last } });
  await ledger.close();
});

it('leaves a ledger as it was when a migration fails half-way', async () => {
  const ledger = await openLedger(file);
  await ledger.createJob(aNewJob('job', ['A1']), 'alex');
  await ledger.close();
  const db = new Kysely<Tables>({
    dialect: new NodeSqliteDialect(openDurable(file), { place: file }),
  });
  const halfWay = {
    ...MIGRATIONS,
    '9998-first': {
      up: (schema: Kysely<never>) => schema.schema.dropTable('extra_drives').execute(),
    },
    '9999-second': { up: () => Promise.reject(new Error('half-way')) },
  };
  await expect(migrateToLatest(db, halfWay)).rejects.toThrow('half-way');
  await db.destroy();
  const again = await openLedger(file);
  expect(await again.parcels.extras('all')).toEqual([]);
  expect(await again.jobs()).toHaveLength(1);
  await again.close();
});

it('refuses a ledger of a newer version and does not touch it', async () => {
  await (await openLedger(file)).close();
  const shell = new DatabaseSync(file);
  shell.exec("INSERT INTO kysely_migration VALUES ('0099-from-the-future', '2030-01-01')");
  shell.close();
  const before = await readFile(file);
  await expect(openLedger(file)).rejects.toMatchObject({
    code: 'ledger-newer',
    payload: { file, found: '0099-from-the-future' },
  });
  expect(await readFile(file)).toEqual(before);
});

it('refuses a file that is no database', async () => {
  await writeFile(file, 'something else entirely, and long enough to have a header'.repeat(200));
  await expect(openLedger(file)).rejects.toMatchObject({ code: 'ledger-unreadable' });
});

it('refuses a database that is no ledger', async () => {
  const shell = new DatabaseSync(file);
  shell.exec('CREATE TABLE recipes (name TEXT)');
  shell.close();
  const before = await readFile(file);
  await expect(openLedger(file)).rejects.toMatchObject({ code: 'ledger-unreadable' });
  expect(await readFile(file)).toEqual(before);
});

it('refuses a ledger that lost its end', async () => {
  const ledger = await openLedger(file);
  await transferring(ledger, 'job');
  await ledger.close();
  await truncate(file, 3 * 4096);
  await expect(openLedger(file)).rejects.toMatchObject({ code: 'ledger-unreadable' });
});

it('refuses a ledger with a damaged page', async () => {
  const ledger = await openLedger(file);
  await transferring(ledger, 'job');
  await ledger.close();
  const content = await readFile(file);
  content.fill(0xff, 4096, 8192);
  await writeFile(file, content);
  await expect(openLedger(file)).rejects.toMatchObject({ code: 'ledger-unreadable' });
});

it('refuses a ledger that was emptied, and leaves it so', async () => {
  await (await openLedger(file)).close();
  await truncate(file, 0);
  const refusal = { code: 'ledger-unreadable', message: `${file} is empty (0 bytes)` };
  await expect(openLedger(file)).rejects.toMatchObject(refusal);
  expect((await stat(file)).size).toBe(0);
});

/** A ledger with a change that only its write-ahead log has, as a killed daemon leaves it. */
async function leftBehind(): Promise<Buffer> {
  const ledger = await openLedger(file);
  await ledger.createJob(aNewJob('job', ['A1']), 'alex');
  const log = await readFile(`${file}-wal`);
  const content = await readFile(file);
  await ledger.close();
  await writeFile(file, content);
  return log;
}

it('refuses to begin anew beside the write-ahead log of a ledger that is missing', async () => {
  await writeFile(`${file}-wal`, await leftBehind());
  await rm(file);
  await expect(openLedger(file)).rejects.toMatchObject({ code: 'ledger-unreadable' });
  expect(await readdir(directory.path)).toEqual(['ledger.sqlite-wal']);
});

it('refuses a write-ahead log whose head is damaged, with which SQLite would pass over its changes', async () => {
  const log = await leftBehind();
  await writeFile(`${file}-wal`, log);
  log.fill(0x5a, 0, 32);
  await writeFile(`${file}-wal`, log);
  const refusal = openLedger(file);
  await expect(refusal).rejects.toMatchObject({ code: 'ledger-unreadable' });
  await expect(refusal).rejects.toThrow(/-wal, the write-ahead log, is damaged/u);
  expect(await readFile(`${file}-wal`)).toEqual(log);
});

it('takes over what a whole write-ahead log has', async () => {
  await writeFile(`${file}-wal`, await leftBehind());
  const ledger = await openLedger(file);
  expect(await ledger.jobs()).toHaveLength(1);
  await ledger.close();
});

it('tells of damage that it meets at work', async () => {
  await (await openLedger(file)).close();
  const told: StationError[] = [];
  const ledger = await openLedger(file, () => TEST_TIME, { onError: (error) => told.push(error) });
  const size = (await stat(file)).size;
  await writeFile(file, Buffer.alloc(size - 4096, 0xff), { flag: 'r+' });
  await expect(Array.fromAsync(ledger.events(0, 10))).rejects.toMatchObject({
    code: 'ledger-unreadable',
  });
  expect(told.map(({ code }) => code)).toContain('ledger-unreadable');
  await ledger.close().catch(() => undefined);
});

it('leaves a ledger whole when the process dies in the middle of a migration', async () => {
  const shell = new DatabaseSync(file);
  shell.exec(await readFile(VERSION_1, 'utf8'));
  shell.close();
  const before = tablesOf(file);
  expect(await dieMigrating(file)).toBe('SIGKILL');
  expect(tablesOf(file)).toEqual(before);
  const ledger = await openLedger(file);
  expect(await ledger.jobs()).toHaveLength(1);
  expect(await ledger.firstBrokenEvent()).toBeUndefined();
  await ledger.close();
});

function tablesOf(database: string): unknown[] {
  const shell = new DatabaseSync(database);
  const found = shell.prepare('SELECT name, sql FROM sqlite_master ORDER BY name').all();
  shell.close();
  return found;
}

/** Runs all migrations in a process that kills itself within their transaction; answers its end. */
async function dieMigrating(database: string): Promise<NodeJS.Signals | null> {
  const from = (name: string) => new URL(`../../../src/ledger/${name}`, import.meta.url).href;
  const program = `
    const { Kysely } = await import(${JSON.stringify(import.meta.resolve('kysely'))});
    const { NodeSqliteDialect, openDurable } = await import('${from('sqlite-dialect.ts')}');
    const { MIGRATIONS, migrateToLatest } = await import('${from('migrations.ts')}');
    const place = ${JSON.stringify(database)};
    const db = new Kysely({ dialect: new NodeSqliteDialect(openDurable(place), { place }) });
    const end = { up: () => process.kill(process.pid, 'SIGKILL') };
    await migrateToLatest(db, { ...MIGRATIONS, '9999-end': end });
  `;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await once(child, 'close');
  return child.signalCode;
}

it('says that it cannot open a file in a directory that is not there', async () => {
  const nowhere = join(directory.path, 'missing', 'ledger.sqlite');
  await expect(openLedger(nowhere)).rejects.toMatchObject({ code: 'ledger-failed' });
  expect(await readdir(directory.path)).toEqual([]);
});

it.each([
  ['a state that there is not', "UPDATE drives SET state = 'Lost'"],
  ['a state without its data', "UPDATE drives SET state_data = '{}'"],
  ['data that is not JSON', "UPDATE drives SET state_data = '{'"],
  [
    'a disk without its size',
    `UPDATE copies SET bound_disk = '{"serial":"A","wwns":[],"bay":"1"}'`,
  ],
])('hands out no drive with %s', async (_, sql) => {
  const ledger = await openLedger(file);
  const ref = await transferring(ledger, 'job');
  const shell = new DatabaseSync(file);
  shell.exec(sql);
  shell.close();
  await expect(ledger.drive(ref)).rejects.toMatchObject({ code: 'ledger-unreadable' });
  await ledger.close();
});

it('closes twice, and fails with a code after that', async () => {
  const ledger = await openLedger(file);
  await ledger.close();
  await ledger.close();
  await expect(ledger.jobs()).rejects.toMatchObject({ code: 'ledger-failed' });
});
