import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  lstat,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  statfs,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { errnoOf } from '../errors.ts';
import { mountPoints, releaseAll, unmount } from '../loopback/plugged.ts';
import { familyOf } from './processes.ts';

/**
 * The one directory that a run of rehearsals writes to. It says who owns it, so that a later run can
 * clear up after one that was killed: its processes by their mark, its loop devices by their path.
 */

const PREFIX = 'drive-station-rehearsal-';
const OWNER = 'owner.json';
/** Between the directory and its owner's name lies one write; older ones have lost their owner. */
const NAMELESS_MS = 60_000;
/** What was killed ends at once, except for a read that the kernel does not give up. */
const END_DEADLINE_MS = 5000;
const POLL_MS = 20;

/** `starttime` of proc_pid_stat(5), counted behind the name of the program. */
const START_FIELD = 19;

const ownerSchema = z.object({ pid: z.int(), startedAt: z.string(), namespace: z.string() });

export interface Scratch {
  readonly directory: string;
  /** In the environment of every process that is started for this run. */
  readonly mark: string;
}

export async function createScratch(): Promise<Scratch> {
  const directory = await mkdtemp(join(tmpdir(), PREFIX));
  const [startedAt, namespace] = [await startOf(process.pid), await ownNamespace()];
  const owner = { pid: process.pid, startedAt, namespace };
  await writeFile(join(directory, 'owner.draft'), JSON.stringify(owner));
  await rename(join(directory, 'owner.draft'), join(directory, OWNER));
  return { directory, mark: directory.slice(tmpdir().length + 1) };
}

/** Bytes that are free for temporary files. */
export async function freeScratchBytes(): Promise<number> {
  const { bavail, bsize } = await statfs(tmpdir());
  return bavail * bsize;
}

/**
 * Ends and removes whatever a run left behind that is no longer there; gives the directories. Does
 * nothing while another process sweeps the same place: that one sees to it.
 */
export async function sweep(): Promise<string[]> {
  const turn = await takeTurn();
  if (turn === undefined) return [];
  await using _ = turn;
  return await sweepAlone();
}

/**
 * A name in the kernel's abstract namespace (unix(7)) is bound by one process at a time and is free
 * again with its end, however that comes.
 */
async function takeTurn(): Promise<AsyncDisposable | undefined> {
  const place = createHash('sha256')
    .update(await realpath(tmpdir()))
    .digest('hex');
  const turn = createServer().listen(`\0drive-station-sweep-${place}`);
  try {
    await once(turn, 'listening');
    return turn;
  } catch (error) {
    if (errnoOf(error) === 'EADDRINUSE') return undefined;
    throw error;
  }
}

async function sweepAlone(): Promise<string[]> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(PREFIX));
  const swept: string[] = [];
  for (const name of names) {
    const directory = join(tmpdir(), name);
    if (!(await isOurs(directory)) || (await isOwned(directory))) continue;
    await removeScratch({ directory, mark: name });
    swept.push(directory);
  }
  return swept;
}

/** Ends the processes with the mark, frees what is attached or mounted below the directory, and removes it. */
export async function removeScratch({ directory, mark }: Scratch): Promise<void> {
  await endFamily(mark);
  const disks = (await readdir(directory)).map((name) => join(directory, name, 'disks'));
  for (const place of disks.filter((path) => existsSync(path))) await releaseAll(place);
  await unmountBelow(directory);
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}

/** Until none is left, since one of them may just have started another, or the kernel holds the rest. */
async function endFamily(mark: string): Promise<void> {
  for (const end = performance.now() + END_DEADLINE_MS; performance.now() < end; ) {
    const family = await familyOf(mark);
    if (family.length === 0) return;
    for (const { pid } of family) endProcess(pid);
    await sleep(POLL_MS);
  }
}

/** Lazily: what was just killed may hold it for a moment. */
async function unmountBelow(directory: string): Promise<void> {
  const real = `${await realpath(directory)}/`;
  const below = (await mountPoints()).filter((place) => place.startsWith(real));
  for (const place of below.reverse()) await unmount(place, ['--lazy']);
}

/** Anybody can make a directory of such a name in a place that is open to all. */
async function isOurs(directory: string): Promise<boolean> {
  const found = await lstat(directory).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}

/** A number is given again to another process, so the owner is known by its start as well. */
async function isOwned(directory: string): Promise<boolean> {
  const text = await readFile(join(directory, OWNER), 'utf8').catch(() => undefined);
  if (text === undefined) return await isYoung(directory);
  const owner = ownerSchema.safeParse(JSON.parse(text));
  if (!owner.success) return false;
  const { pid, startedAt, namespace } = owner.data;
  // The process of another container cannot be seen from here: it may be at work.
  if (namespace !== (await ownNamespace())) return true;
  return (await startOf(pid)) === startedAt;
}

/** Names the container whose process ids are ours. */
async function ownNamespace(): Promise<string> {
  return await readlink('/proc/self/ns/pid');
}

/** So is one that its owner removes in this moment. */
async function isYoung(directory: string): Promise<boolean> {
  const found = await stat(directory).catch(() => undefined);
  return found === undefined || Date.now() - found.mtimeMs < NAMELESS_MS;
}

/** When a process began, in the kernel's ticks; empty when there is none. */
async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The name of the program comes first, in brackets, and can hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[START_FIELD] ?? '';
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}
