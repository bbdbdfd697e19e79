import { chmod, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { EXIT } from '../../../src/commands/exit-codes.ts';
import {
  backupDirectoryOf,
  backupsIn,
  LedgerBackups,
  ledgerFileOf,
  refuseLostLedger,
} from '../../../src/ledger/backups.ts';
import { restoreLedger } from '../../../src/ledger/restore.ts';
import type { SqliteLedger } from '../../../src/ledger/sqlite.ts';
import { lockStateDirectory } from '../../../src/ledger/state-lock.ts';
import { isSound, verifyLedger } from '../../../src/ledger/verify.ts';
import { LEDGER_BACKUPS_KEPT } from '../../../src/limits.ts';
import { DAY_MS, ManualClock } from '../../support/clock.ts';
import { aNewJob, openLedger, temporaryDirectory, transferring } from '../../support/ledger.ts';
import { runLedgerCommand } from '../../support/ledger-command.ts';

/** Backups that are really made, and a ledger that is really lost and restored. */

let state: string;
let clock: ManualClock;

beforeEach(async () => {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory[Symbol.asyncDispose]());
  clock = new ManualClock('2026-01-02T03:04:05.000Z');
  state = directory.path;
});

const backupsOf = (ledger: SqliteLedger) =>
  new LedgerBackups({ directory: backupDirectoryOf(state) }, { ledger, now: clock.now });

it('backs up what there is, for its owner alone, and nothing when nothing has changed', async () => {
  const ledger = await openLedger(ledgerFileOf(state));
  await transferring(ledger, 'job');
  const backups = backupsOf(ledger);
  const file = await backups.make();
  expect(file).toBe(join(state, 'backups/ledger-20260102T030405Z.sqlite'));
  expect(await backups.make()).toBeUndefined();
  expect(await readdir(backupDirectoryOf(state))).toHaveLength(1);
  expect((await stat(file ?? '')).mode & 0o777).toBe(0o600);
  expect(isSound(await verifyLedger(file ?? ''))).toBe(true);
  await ledger.close();
});

it('keeps the newest ones', async () => {
  const ledger = await openLedger(ledgerFileOf(state));
  const backups = backupsOf(ledger);
  for (let day = 0; day < LEDGER_BACKUPS_KEPT + 3; day++) {
    clock.advance(DAY_MS);
    await ledger.note('x', 'noted', { day }, 'alex');
    await backups.make();
  }
  const kept = await backupsIn(backupDirectoryOf(state));
  expect(kept).toHaveLength(LEDGER_BACKUPS_KEPT);
  expect(kept[0]).toContain('ledger-20260111T');
  await ledger.close();
});

it('keeps those of the last hours through a hundred starts within minutes', async () => {
  const ledger = await openLedger(ledgerFileOf(state));
  const backUp = async (minutes: number) => {
    clock.advance(minutes * 60_000);
    await ledger.note('x', 'noted', { minutes }, 'alex');
    await backupsOf(ledger).make();
  };
  for (let hour = 0; hour < 3; hour++) await backUp(60);
  const before = await backupsIn(backupDirectoryOf(state));
  for (let start = 0; start < 100; start++) await backUp(0.1);
  const [newest, ...older] = await backupsIn(backupDirectoryOf(state));
  expect(newest).toContain('ledger-20260102T061405Z');
  expect(older).toEqual(before);
  await ledger.close();
});

it('keeps the last ones that were made, also after a clock that was years ahead', async () => {
  const ledger = await openLedger(ledgerFileOf(state));
  const backups = backupsOf(ledger);
  const make = async (ms: number) => {
    clock.advance(ms);
    await ledger.note('x', 'noted', {}, 'alex');
    return await backups.make();
  };
  await make(10_000 * DAY_MS);
  for (let count = 1; count < LEDGER_BACKUPS_KEPT; count++) await make(DAY_MS);
  const last = await make(-10_000 * DAY_MS);
  const kept = await backupsIn(backupDirectoryOf(state));
  expect(kept).toHaveLength(LEDGER_BACKUPS_KEPT);
  expect(kept[0]).toBe(last);
  const { sequence } = (await ledger.lastEvent()) ?? {};
  expect((await verifyLedger(kept[0] ?? '')).events).toBe(sequence);
  await ledger.close();
});

it('makes no backup of a damaged ledger, and keeps those that there are', async () => {
  const ledger = await openLedger(ledgerFileOf(state));
  await ledger.note('x', 'noted', {}, 'alex');
  const backups = backupsOf(ledger);
  const good = await backups.make();
  await ledger.note('x', 'noted', {}, 'alex');
  await ledger.close();
  const again = await openLedger(ledgerFileOf(state));
  const { size } = await stat(ledgerFileOf(state));
  await writeFile(ledgerFileOf(state), Buffer.alloc(size, 0xff), { flag: 'r+' });
  clock.advance(DAY_MS);
  await expect(backupsOf(again).make()).rejects.toMatchObject({ code: 'ledger-unreadable' });
  expect(await backupsIn(backupDirectoryOf(state))).toEqual([good]);
  expect(await readdir(backupDirectoryOf(state))).toHaveLength(1);
  await again.close().catch(() => undefined);
});

it('does not begin with an empty ledger where there was one', async () => {
  const file = ledgerFileOf(state);
  await refuseLostLedger(file, backupDirectoryOf(state));
  await mkdir(backupDirectoryOf(state));
  await writeFile(join(backupDirectoryOf(state), 'ledger-20260102T030405Z.sqlite'), '');
  const refusal = refuseLostLedger(file, backupDirectoryOf(state));
  await expect(refusal).rejects.toMatchObject({ code: 'ledger-unreadable' });
});

it('restores the newest sound backup, with the write-ahead log out of the way and nothing deleted', async () => {
  const file = ledgerFileOf(state);
  const ledger = await openLedger(file);
  const ref = await transferring(ledger, 'job');
  await backupsOf(ledger).make();
  clock.advance(DAY_MS);
  await ledger.note('x', 'after the backup', {}, 'alex');
  const newest = (await backupsOf(ledger).make()) ?? '';
  await ledger.note('x', 'in no backup', {}, 'alex');
  const log = await readFile(`${file}-wal`);
  await ledger.close();
  await writeFile(`${file}-wal`, log);
  await truncate(file, 0);
  await truncate(newest, 5000);
  const restored = await runLedgerCommand(state, 'restore');
  expect(restored).toMatchObject({ exitCode: EXIT.done });
  expect(restored.text).toContain('passed over');
  const again = await openLedger(file);
  expect(await again.drive(ref)).toMatchObject({ state: { name: 'Transferring' } });
  expect((await again.lastEvent())?.type).toBe('copy-started');
  expect(await again.firstBrokenEvent()).toBeUndefined();
  await again.close();
  const [aside = ''] = (await readdir(state)).filter((name) => name.startsWith('ledger-aside-'));
  expect((await readdir(join(state, aside))).sort()).toEqual([
    'ledger.sqlite',
    'ledger.sqlite-wal',
  ]);
  expect(await readFile(join(state, aside, 'ledger.sqlite-wal'))).toEqual(log);
});

it.each([
  { ofBackup: 0o444, ofLedger: 0o600 },
  { ofBackup: 0o644, ofLedger: 0o640 },
])('gives the restored ledger its own mode $ofLedger and not that of the backup', async (modes) => {
  const file = ledgerFileOf(state);
  const ledger = await openLedger(file);
  await ledger.note('x', 'noted', {}, 'alex');
  const backup = (await backupsOf(ledger).make()) ?? '';
  await ledger.close();
  await chmod(file, modes.ofLedger);
  await chmod(backup, modes.ofBackup);
  await restoreLedger(file, backup, clock.now());
  expect((await stat(file)).mode & 0o777).toBe(modes.ofLedger);
});

it('gives a ledger that was lost back to its owner alone', async () => {
  const file = ledgerFileOf(state);
  const ledger = await openLedger(file);
  await ledger.note('x', 'noted', {}, 'alex');
  const backup = (await backupsOf(ledger).make()) ?? '';
  await ledger.close();
  await rm(file);
  await chmod(backup, 0o644);
  await restoreLedger(file, backup, clock.now());
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

it('restores nothing while a station is at work, and nothing that is no ledger', async () => {
  const file = ledgerFileOf(state);
  await (await openLedger(file)).close();
  const before = await readFile(file);
  const unlock = await lockStateDirectory(state);
  const refused = await runLedgerCommand(state, 'restore');
  expect(refused).toMatchObject({ exitCode: EXIT.failed });
  expect(refused.text).toContain('another station works in');
  unlock();
  await writeFile(join(state, 'other'), 'no database at all');
  expect(await runLedgerCommand(state, 'restore', join(state, 'other'))).toMatchObject({
    exitCode: EXIT.ledger,
  });
  expect(await runLedgerCommand(state, 'restore')).toMatchObject({ exitCode: EXIT.ledger });
  expect(await readFile(file)).toEqual(before);
});

it('verifies the chain of events, also beside a station at work', async () => {
  const file = ledgerFileOf(state);
  const ledger = await openLedger(file);
  await ledger.createJob(aNewJob('job', ['A1']), 'alex');
  const sound = await runLedgerCommand(state, 'verify');
  expect(sound).toMatchObject({ exitCode: EXIT.done });
  expect(sound.text).toContain('the chain of 1 events is whole');
  await ledger.close();
  const shell = new DatabaseSync(file);
  shell.exec("UPDATE events SET actor = 'somebody else'");
  shell.close();
  const broken = await runLedgerCommand(state, 'verify');
  expect(broken).toMatchObject({ exitCode: EXIT.ledger });
  expect(broken.text).toContain('the chain of events is broken at entry 1 of 1');
});
