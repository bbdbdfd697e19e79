import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Drive, driveKey } from '../../../src/domain/job.ts';
import { endedWithoutCopy } from '../../../src/domain/verdict.ts';
import { StationError } from '../../../src/errors.ts';
import { KILLED_OVER_MS } from '../../../src/limits.ts';
import { CopyRunner } from '../../../src/work/copy-runner.ts';
import { journalFileOf } from '../../../src/work/staged-at.ts';
import { StorageHolds } from '../../../src/work/storage-holds.ts';
import { copyAtWork } from '../../support/copy-at-work.ts';
import { TEST_TIME } from '../../support/ledger.ts';

/** What the runner keeps of attempts that end before a copy process begins, and of faults. */

const never = new AbortController().signal;
type Copying = Pick<Awaited<ReturnType<typeof copyAtWork>>, 'ledger' | 'ref'>;
const silent = { info: () => undefined, warn: () => undefined };

async function aRunner({ replugs = false, onHealth = async (_: Copying) => {} } = {}) {
  let nowMs = 0;
  const { directory, ledger, ref, disk, floor, item } = await copyAtWork(() => nowMs);
  const journalDirectory = join(directory.path, 'journals');
  await mkdir(journalDirectory);
  const asked: string[] = [];
  const holds = new StorageHolds(
    { firstRetryMs: 1, placeMs: 60_000 },
    {
      floor,
      logger: silent,
      now: () => TEST_TIME,
      monotonicMs: () => nowMs,
      storageMark: async () => 'the same',
      othersWait: async () => false,
      enqueue: async () => undefined,
      onChange: () => undefined,
    },
  );
  const runner = new CopyRunner({
    ...{ ledger, floor, holds, journalDirectory, readHangMs: 60_000, logger: silent },
    ...{ spinUpMs: 0, keepFreeBytes: 0 },
    holders: {
      began: async () => undefined,
      ended: async () => undefined,
      abandoned: async () => undefined,
      toolKilled: async () => undefined,
      leftBehindOn: () => undefined,
    },
    diskOf: () => disk,
    lookAgain: async () => undefined,
    disks: {
      health: async () => {
        asked.push('health');
        await onHealth({ ledger, ref });
        return disk.health;
      },
      admit: async () => ({ kind: 'none', why: 'none' }),
      release: async () => undefined,
      askKernel: async () => ({
        ...{ attachment: 'same', state: null, requestsInFlight: null, limitMs: null },
        ...{ errors: null, timeOuts: null, messages: [] },
      }),
      reset: async () => ({ kind: 'skipped', words: 'not asked' }),
    },
    storageOf: async () => {
      throw new StationError('credential-missing', 'no file', { storageAccount: 'a' });
    },
    now: () => TEST_TIME,
    onProgress: () => undefined,
    onOutcome: () => undefined,
    onStationFailed: () => undefined,
    onCondition: () => undefined,
    rebindDock: async () => replugs,
    sleep: async () => undefined,
  });
  const task = { id: driveKey(ref), ref };
  const typesSince = async (sequence: number) =>
    (await Array.fromAsync(ledger.events(sequence, 100))).map(({ type }) => type);
  const pass = (ms: number) => {
    nowMs += ms;
  };
  const tryAgain = async () => {
    nowMs += 120_000;
    await holds.look();
    return await runner.run(task, never, never);
  };
  return {
    ledger,
    ref,
    item,
    floor,
    holds,
    asked,
    runner,
    task,
    typesSince,
    pass,
    tryAgain,
    journalDirectory,
  };
}

it('counts and logs the attempt that had to halt, and none of the tries after it', async () => {
  const { ledger, ref, item, holds, runner, task, typesSince, tryAgain } = await aRunner();
  const before = (await ledger.lastEvent())?.sequence ?? 0;
  const attempts = (await ledger.copyOf(ref))?.attempts ?? 0;
  expect(await runner.run(task, never, never)).toEqual({ kind: 'parked' });
  for (let minute = 0; minute < 20; minute++) {
    expect(await tryAgain()).toEqual({ kind: 'parked' });
    expect(holds.isHeld(item)).toBe(true);
  }
  expect(await typesSince(before)).toEqual(['copy-attempt-begun']);
  expect((await ledger.copyOf(ref))?.attempts).toBe(attempts + 1);
});

it.each([
  { code: 'drive-reads-differ', left: 'journal.differs' },
  { code: 'tool-failed', left: 'journal' },
] as const)('with a drive that is faulted for $code it keeps its $left', async ({ code, left }) => {
  const { ledger, ref, runner, task, journalDirectory } = await aRunner();
  const copy = await ledger.copyOf(ref);
  await writeFile(journalFileOf(journalDirectory, { id: copy?.id ?? '' }), 'what was known');
  const detail = { code, detail: {} };
  await runner.giveUp(task, new StationError('copy-attempt-failed', 'it failed', detail));
  const drive: Drive | undefined = await ledger.drive(ref);
  expect(drive?.state).toMatchObject({ name: 'Faulted', fault: { code } });
  expect(await readdir(journalDirectory)).toEqual([`${copy?.id}.${left}`]);
});

it('asks a disk nothing and counts no attempt while its dock is bound to another driver', async () => {
  const { ledger, runner, task, asked, typesSince } = await aRunner({ replugs: true });
  const before = (await ledger.lastEvent())?.sequence ?? 0;
  expect(await runner.run(task, never, never)).toEqual({ kind: 'parked' });
  expect(asked).toEqual([]);
  expect(await typesSince(before)).toEqual([]);
});

it('begins no attempt of a drive that a person ends while its disk is asked', async () => {
  const change = {
    event: 'resolved-without-copy',
    verdict: endedWithoutCopy('DiskNotFound', 'lost', []),
  } as const;
  const { ledger, runner, task, asked, typesSince } = await aRunner({
    onHealth: async (copying) => {
      await copying.ledger.transitionDrive(copying.ref, change, 'sam');
    },
  });
  const before = (await ledger.lastEvent())?.sequence ?? 0;
  expect(await runner.run(task, never, never)).toEqual({ kind: 'finished' });
  expect(asked).toEqual(['health']);
  expect(await typesSince(before)).not.toContain('copy-attempt-begun');
});

const killedOnce = {
  kind: 'killed',
  times: 1,
  since: TEST_TIME.toISOString(),
  reason: 'it was killed (SIGKILL)',
} as const;

it('a copy that is killed has got no further while it reads again what an attempt before had staged', async () => {
  const { item, floor, runner, task, tryAgain, pass } = await aRunner();
  const stages = (stagedBytes: number) =>
    floor.progressed(item, { totalBytes: 900, stagedBytes, verifiedBytes: 0 });
  const killed = killedOnce;
  stages(500);
  item.killed = killed;
  await runner.run(task, never, never);
  stages(100);
  stages(300);
  await tryAgain();
  stages(200);
  stages(500);
  expect(floor.killed).toMatchObject([killed]);
  pass(KILLED_OVER_MS);
  stages(501);
  expect(floor.killed).toMatchObject([killed]);
  pass(KILLED_OVER_MS);
  stages(502);
  expect(floor.killed).toEqual([]);
});

it('a copy that is killed each time after a few blocks does not get on', async () => {
  const { item, floor, runner, task, pass } = await aRunner();
  item.killed = killedOnce;
  for (let stagedBytes = 100; stagedBytes < 900; stagedBytes += 100) {
    await runner.run(task, never, never);
    floor.progressed(item, { totalBytes: 900, stagedBytes, verifiedBytes: 0 });
    pass(KILLED_OVER_MS - 1);
    floor.progressed(item, { totalBytes: 900, stagedBytes: stagedBytes + 1, verifiedBytes: 0 });
  }
  expect(floor.killed).toMatchObject([item.killed]);
});
