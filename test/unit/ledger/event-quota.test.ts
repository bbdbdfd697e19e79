import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { EXIT } from '../../../src/commands/exit-codes.ts';
import { StationError } from '../../../src/errors.ts';
import { ledgerFileOf } from '../../../src/ledger/backups.ts';
import {
  archiveDirectoryOf,
  archivesIn,
  verifyArchive,
  verifyArchives,
} from '../../../src/ledger/event-archive.ts';
import { EventQuota, type EventQuotaOptions } from '../../../src/ledger/event-quota.ts';
import type { SqliteLedger } from '../../../src/ledger/sqlite.ts';
import { EVENT_ARCHIVE_ENTRIES } from '../../../src/limits.ts';
import { fillEventLog } from '../../support/event-log.ts';
import { aNewJob, openLedger, temporaryDirectory } from '../../support/ledger.ts';
import { runLedgerCommand } from '../../support/ledger-command.ts';

/** An event log that grows, and what leaves it. */

const SMALL = { keptEntries: 10, archiveEntries: 5 } as const;
type Rows = ConstructorParameters<typeof EventQuota>[1]['rows'];
const never = new AbortController().signal;

let state: string;
let file: string;
let archives: string;
let ledger: SqliteLedger;

async function freshState(): Promise<void> {
  const directory = await temporaryDirectory();
  state = directory.path;
  file = ledgerFileOf(state);
  archives = archiveDirectoryOf(state);
  ledger = await openLedger(file);
  const opened = ledger;
  onTestFinished(async () => {
    await opened.close();
    await directory[Symbol.asyncDispose]();
  });
}
beforeEach(freshState);

const quotaOf = (options: Partial<EventQuotaOptions> = {}, rows: Rows = ledger.eventRows) =>
  new EventQuota({ directory: archives, ...SMALL, ...options }, { rows });

async function note(count: number, entity = 'x'): Promise<void> {
  for (let index = 0; index < count; index++) await ledger.note(entity, 'noted', { index }, 'alex');
}

const sequences = async () =>
  (await Array.fromAsync(ledger.events(0, 1_000_000))).map(({ sequence }) => sequence);

/** The numbers of the entries in one archive. */
async function archived(name: string): Promise<number[]> {
  const [, ...lines] = gunzipSync(await readFile(name))
    .toString()
    .trimEnd()
    .split('\n');
  return lines.map((line) => JSON.parse(line).sequence);
}

async function anchor() {
  return (await ledger.eventRows.ends()).anchor;
}

const upTo = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at);
const problems = async () =>
  (await verifyArchives(archives, await anchor())).map(({ problem }) => problem);

describe('an event log beyond its quota', () => {
  it('stays as it is until a whole archive is too much', async () => {
    await note(14);
    expect(await quotaOf().keep(never)).toEqual([]);
    await note(1);
    expect(await quotaOf().keep(never)).toHaveLength(1);
    expect(await sequences()).toEqual(upTo(6, 15));
  });

  it('loses its oldest entries to archives, for their owner alone, and its chain stays whole', async () => {
    await note(27);
    const files = await quotaOf().keep(never);
    expect(await Promise.all(files.map(archived))).toEqual([upTo(1, 5), upTo(6, 10), upTo(11, 15)]);
    expect(await archivesIn(archives)).toEqual(files);
    expect((await stat(files[0] ?? '')).mode & 0o777).toBe(0o600);
    expect((await stat(archives)).mode & 0o777).toBe(0o700);
    expect(await sequences()).toEqual(upTo(16, 27));
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
    expect(await problems()).toEqual([undefined, undefined, undefined]);
    await note(1);
    expect((await ledger.lastEvent())?.sequence).toBe(28);
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
  });

  it('keeps every entry exactly once, in ledger or archive, whatever is done in which order', async () => {
    const count = fc.integer({ min: 1, max: 12 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant('note' as const), count }),
      fc.record({ kind: fc.constantFrom('keep' as const, 'killed' as const), keptEntries: count }),
      fc.record({ kind: fc.constant('reopen' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        await freshState();
        for (const each of steps) await carryOut(each);
        const files = await archivesIn(archives);
        const left = new Set((await Promise.all(files.map(archived))).flat());
        const newest = (await ledger.lastEvent())?.sequence ?? (await anchor()).sequence;
        const { sequence } = await anchor();
        expect(await sequences()).toEqual(upTo(sequence + 1, newest));
        expect([...left].filter((each) => each <= sequence)).toEqual(upTo(1, sequence));
        expect(await ledger.firstBrokenEvent()).toBeUndefined();
        expect((await problems()).filter((each) => each !== undefined)).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  it('bounds the number of its archives, of which the oldest go', async () => {
    await note(35);
    await quotaOf({ archivesKept: 2 }).keep(never);
    const files = await archivesIn(archives);
    expect(await Promise.all(files.map(archived))).toEqual([upTo(16, 20), upTo(21, 25)]);
    expect(await problems()).toEqual([undefined, undefined]);
  });

  it('lets fewer go at once when they are long', async () => {
    await note(20);
    const [first = ''] = await quotaOf({ archiveBytes: 20 }).keep(never);
    expect(await archived(first)).toEqual([1, 2]);
    expect((await sequences()).length).toBeLessThan(15);
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
  });

  it('writes anew what the station asks it for when that would leave', async () => {
    await ledger.note('clock', 'trusted', { bootId: 'boot-1' }, 'station');
    await note(19);
    await quotaOf().keep(never);
    const clock = await ledger.lastEvent('clock');
    expect(clock).toMatchObject({ sequence: 21, type: 'trusted', data: { bootId: 'boot-1' } });
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
  });

  it('lets a hundred thousand entries go down to its quota within a moment', async () => {
    fillEventLog(file, { count: 100_000 });
    const keptEntries = 100_000 - EVENT_ARCHIVE_ENTRIES;
    const quota = new EventQuota({ directory: archives, keptEntries }, { rows: ledger.eventRows });
    expect(await quota.keep(never)).toHaveLength(1);
    const [first] = await Array.fromAsync(ledger.events(0, 1));
    expect(first?.sequence).toBe(EVENT_ARCHIVE_ENTRIES + 1);
    expect(await anchor()).toMatchObject({ sequence: EVENT_ARCHIVE_ENTRIES });
    expect(await problems()).toEqual([undefined]);
  });

  it('lets nothing go of a chain that is broken: it is the proof', async () => {
    await note(20);
    const shell = new DatabaseSync(file);
    shell.exec("UPDATE events SET actor = 'eve' WHERE sequence = 3");
    shell.close();
    const broken = { code: 'ledger-unreadable', message: expect.stringContaining('entry 3') };
    await expect(quotaOf().keep(never)).rejects.toMatchObject(broken);
    expect(await sequences()).toHaveLength(20);
    expect(await archivesIn(archives)).toEqual([]);
  });

  it('stops between two archives when the station ends', async () => {
    await note(27);
    const stop = new AbortController();
    stop.abort();
    expect(await quotaOf().keep(stop.signal)).toEqual([]);
  });
});

type Step =
  | { readonly kind: 'note'; readonly count: number }
  | { readonly kind: 'keep' | 'killed'; readonly keptEntries: number }
  | { readonly kind: 'reopen' };

async function carryOut(step: Step): Promise<void> {
  switch (step.kind) {
    case 'note':
      return await note(step.count);
    case 'keep':
      await quotaOf({ keptEntries: step.keptEntries }).keep(never);
      return;
    case 'killed':
      return await keepUntilKilled(step.keptEntries);
    case 'reopen':
      await ledger.close();
      ledger = await openLedger(file);
  }
}

/** The daemon dies when the archive is durable and before the entries go. */
async function keepUntilKilled(keptEntries: number = SMALL.keptEntries): Promise<void> {
  const { eventRows } = ledger;
  const rows: Rows = {
    station: eventRows.station,
    ends: () => eventRows.ends(),
    after: (sequence, limit) => eventRows.after(sequence, limit),
    jobsAmong: (ids) => eventRows.jobsAmong(ids),
    leave: async () => {
      throw new StationError('internal-error', 'it dies here', { detail: 'leave' });
    },
  };
  await quotaOf({ keptEntries }, rows)
    .keep(never)
    .catch((error) => expect(error).toMatchObject({ code: 'internal-error' }));
}

describe('a kill while entries leave', () => {
  it('between archive and ledger leaves them in both, and the next round does it again', async () => {
    await note(15);
    await keepUntilKilled();
    const [name = ''] = await archivesIn(archives);
    expect(await archived(name)).toEqual(upTo(1, 5));
    expect(await sequences()).toEqual(upTo(1, 15));
    await ledger.close();
    ledger = await openLedger(file);
    expect(await problems()).toEqual([undefined]);
    expect(await quotaOf().keep(never)).toEqual([name]);
    expect(await archivesIn(archives)).toEqual([name]);
    expect(await sequences()).toEqual(upTo(6, 15));
  });

  it('in the middle of an archive leaves no archive, and the ledger as it was', async () => {
    await note(15);
    await mkdir(archives, { recursive: true });
    await writeFile(join(archives, 'events.new'), 'torn');
    expect(await archivesIn(archives)).toEqual([]);
    const [name = ''] = await quotaOf().keep(never);
    expect(await verifyArchive(name)).toMatchObject({ problem: undefined });
    expect(await readdir(archives)).toHaveLength(1);
  });
});

describe('entries of jobs that the ledger still has', () => {
  it('stay, and all behind them, until the job is gone', async () => {
    const { id } = await ledger.createJob(aNewJob('job', ['A1'], false), 'alex');
    await note(17);
    expect(await quotaOf().keep(never)).toEqual([]);
    await ledger.deleteJob(id, 'alex');
    expect(await quotaOf().keep(never)).toHaveLength(1);
  });

  it('stay also when they are about a drive of it, or name it in their data', async () => {
    const { id } = await ledger.createJob(aNewJob('job', ['A1'], false), 'alex');
    await note(4);
    await quotaOf({ keptEntries: 1, archiveEntries: 1 }).keep(never);
    for (const [entity, data] of [
      [`drive/${id}/A1`, {}],
      ['alert/1', { jobId: id }],
    ] as const) {
      await note(20);
      await quotaOf({ keptEntries: 1, archiveEntries: 1 }).keep(never);
      await ledger.note(entity, 'noted', data, 'alex');
      await note(16);
      await quotaOf({ keptEntries: 15, archiveEntries: 1 }).keep(never);
      expect((await Array.fromAsync(ledger.events(0, 1)))[0]?.entity).toBe(entity);
    }
  });

  it('leave all the same when there are twice as many as are to be kept', async () => {
    await ledger.createJob(aNewJob('job', ['A1'], false), 'alex');
    await note(20);
    // Once those of the job are gone, the others go as usual.
    expect(await quotaOf().keep(never)).toHaveLength(2);
    expect(await sequences()).toEqual(upTo(11, 21));
  });
});

describe('who changes what left', () => {
  beforeEach(async () => {
    await note(30);
    await quotaOf().keep(never);
  });

  it.each([
    ['forgets the anchor', "DELETE FROM settings WHERE key = 'event-anchor'", 1],
    ['takes one more away', 'DELETE FROM events WHERE sequence = 21', 21],
    [
      'puts one back',
      'INSERT INTO events SELECT 20, station, at, actor, entity, type, data, hash FROM events WHERE sequence = 21',
      21,
    ],
    [
      'moves the anchor',
      `UPDATE settings SET value = replace(value, '"sequence":20', '"sequence":19') WHERE key = 'event-anchor'`,
      20,
    ],
  ])('in the ledger, and %s, is found out', async (_, sql, broken) => {
    const shell = new DatabaseSync(file);
    shell.exec(sql);
    shell.close();
    expect(await ledger.firstBrokenEvent()).toBe(broken);
  });

  it.each([
    [
      'changes a line',
      (text: string) => text.replace('"actor":"alex"', '"actor":"eve"'),
      'entry 6',
    ],
    ['takes a line out', (text: string) => text.replace(/\n.*"sequence":7.*\n/u, '\n'), 'entry 7'],
    ['cuts the end', (text: string) => text.split('\n').slice(0, -2).join('\n'), 'it ends before'],
    ['writes nonsense', () => 'nonsense', 'cannot be read'],
  ])('in an archive, and %s, is found out', async (_, change, words) => {
    const [, second = ''] = await archivesIn(archives);
    const text = gunzipSync(await readFile(second)).toString();
    await writeFile(second, gzipSync(change(text)));
    expect((await problems())[1]).toContain(words);
  });

  it('is found out where a file is torn or missing', async () => {
    const [, second = '', , fourth = ''] = await archivesIn(archives);
    const bytes = await readFile(fourth);
    await writeFile(fourth, bytes.subarray(0, bytes.length - 20));
    await rm(second);
    const [first, third, last] = await problems();
    expect(first).toBeUndefined();
    expect(third).toBe('the archive before it is missing');
    expect(last).toContain('cannot be read');
  });

  it('is told by the command, which looks at one archive as well', async () => {
    const [first = '', , , last = ''] = await archivesIn(archives);
    const one = await runLedgerCommand(state, 'verify', first);
    expect(one).toMatchObject({ exitCode: EXIT.done });
    expect(one.text).toContain('archives of events: 1, entries 1 to 5');
    await rm(last);
    const all = await runLedgerCommand(state, 'verify');
    expect(all.exitCode).toBe(EXIT.ledger);
    expect(all.text).toContain('the chain of 10 events after the first 20, which left, is whole');
    expect(all.text).toContain('no archive ends at entry 20, where the ledger goes on');
  });
});
