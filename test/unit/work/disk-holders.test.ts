import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DriveId, JobId } from '../../../src/domain/job.ts';
import { DiskHolders, type NewHolder } from '../../../src/work/disk-holders.ts';
import { PROCESS_TABLE, type ProcessTable } from '../../../src/work/process-table.ts';
import { eventually } from '../../support/eventually.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/ledger.ts';

/** Who has a disk open, over the end of the daemon that started it; with real processes. */

const BOOT = 'boot-1';
const REF = { jobId: 'job-1' as JobId, driveId: 'S1' as DriveId };

let scratch: TemporaryDirectory;
let child: ChildProcess;
let changes = 0;
const opened: DiskHolders[] = [];

beforeEach(async () => {
  scratch = await temporaryDirectory();
  child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  await once(child, 'spawn');
  changes = 0;
});
afterEach(async () => {
  for (const holders of opened.splice(0)) holders.close();
  child.kill('SIGKILL');
  await scratch[Symbol.asyncDispose]();
});

/** A process that takes no notice of signals, as one does that hangs in the kernel. */
const UNKILLABLE: ProcessTable = { ...PROCESS_TABLE, kill: () => undefined };

interface Over {
  bootId?: string;
  processes?: ProcessTable;
  now?: () => Date;
  monotonicMs?: () => number;
}

async function open(over: Over = {}) {
  const { bootId = BOOT, processes = UNKILLABLE } = over;
  const { now = () => new Date(), monotonicMs = () => performance.now() } = over;
  const holders = await DiskHolders.create(
    { directory: join(scratch.path, 'holders'), bootId },
    {
      ...{ processes, now, monotonicMs },
      logger: { info: () => undefined, error: () => undefined },
    },
  );
  opened.push(holders);
  return holders;
}

function holder(): NewHolder {
  return { pid: child.pid ?? 0, what: 'copy', diskseq: 18, bay: 'Bay 3', ref: REF };
}

it('a process at work is nobody left behind', async () => {
  const holders = await open();
  await holders.began(holder());
  expect(holders.leftBehindOn(18)).toBeUndefined();
  expect(holders.stuck).toEqual([]);
});

it('one that could not be ended is shown until the kernel lets it go', async () => {
  const holders = await open();
  holders.watch(() => changes++);
  await holders.began(holder());
  await holders.abandoned(holder());
  expect(holders.stuck).toMatchObject([{ pid: child.pid, bay: 'Bay 3', driveId: 'S1' }]);
  expect(holders.leftBehindOn(18)?.pid).toBe(child.pid);
  expect(holders.leftBehindOn(19)).toBeUndefined();
  expect(changes).toBe(1);
  child.kill('SIGKILL');
  await eventually(() => expect(changes).toBe(2));
  expect(holders.stuck).toEqual([]);
  expect(await readdir(join(scratch.path, 'holders'))).toEqual([]);
});

it('hangs still when the clock is set back', async () => {
  let setBackMs = 0;
  const holders = await open({ now: () => new Date(Date.now() - setBackMs) });
  await holders.began(holder());
  await holders.abandoned(holder());
  setBackMs = 3_600_000;
  expect(holders.stuck).toMatchObject([{ pid: child.pid }]);
});

it('is found by the next daemon, which counts it only when it does not end by itself', async () => {
  await (await open()).began(holder());
  let ahead = 0;
  const next = await open({ monotonicMs: () => performance.now() + ahead });
  expect(next.leftBehindOn(18)?.pid).toBe(child.pid);
  expect(next.stuck).toEqual([]);
  ahead = 10_000;
  expect(next.stuck).toMatchObject([{ pid: child.pid, driveId: 'S1' }]);
});

it('is ended by the next daemon where a signal reaches it', async () => {
  await (await open()).began(holder());
  const next = await open({ processes: PROCESS_TABLE });
  next.watch(() => changes++);
  await eventually(() => expect(next.leftBehindOn(18)).toBeUndefined());
});

it('another process with its number is not taken for it, nor one of before the machine started', async () => {
  await (await open()).began(holder());
  const reused: ProcessTable = {
    ...UNKILLABLE,
    lives: (pid, start) => PROCESS_TABLE.lives(pid, start + 1),
  };
  expect((await open({ processes: reused })).leftBehindOn(18)).toBeUndefined();
  await (await open()).began(holder());
  expect((await open({ bootId: 'boot-2' })).leftBehindOn(18)).toBeUndefined();
});

it('a tool that is killed counts only when a process of its group is still there', async () => {
  let ahead = 0;
  const holders = await open({ monotonicMs: () => performance.now() + ahead });
  const tool = spawn('sh', ['-c', 'sleep 1000 & wait'], { stdio: 'ignore', detached: true });
  const group = tool.pid ?? 0;
  try {
    await once(tool, 'spawn');
    await eventually(async () => expect(await childrenOf(group)).toBe(1));
    await holders.toolKilled({ ...holder(), pid: group, what: 'smartctl' });
    expect(holders.stuck).toEqual([]);
    process.kill(group, 'SIGKILL');
    ahead = 10_000;
    expect(holders.stuck).toMatchObject([{ what: 'smartctl', bay: 'Bay 3' }]);
    expect(holders.leftBehindOn(18)?.what).toBe('smartctl');
  } finally {
    process.kill(-group, 'SIGKILL');
  }
  holders.watch(() => changes++);
  await eventually(() => expect(holders.stuck).toEqual([]));
});

async function childrenOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter((word) => word !== '').length;
}

it('a record that cannot be removed keeps nobody from looking on', async () => {
  const holders = await open();
  await holders.abandoned(holder());
  const directory = join(scratch.path, 'holders');
  // As on a state disk that has gone read-only: what is there is no file that goes.
  await rm(directory, { recursive: true });
  await mkdir(join(directory, `${child.pid}.json`), { recursive: true });
  holders.watch(() => changes++);
  child.kill('SIGKILL');
  await eventually(() => expect(changes).toBe(1));
  expect(holders.stuck).toEqual([]);
  expect(holders.leftBehindOn(18)).toBeUndefined();
});

it('half a record is dropped', async () => {
  await open();
  await writeFile(join(scratch.path, 'holders', '77.json'), '{"pid": 77, "sta');
  await open();
  expect(await readdir(join(scratch.path, 'holders'))).toEqual([]);
});
