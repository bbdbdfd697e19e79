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
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { errnoOf } from '../errors.ts';
import { mountPoints, releaseAll } from '../loopback/plugged.ts';
import { runTool } from '../loopback/run-tool.ts';
import { familyOf } from './processes.ts';

/**
 * The one directory that a run of rehearsals writes to. It says who owns it, so that a later run can
 * clear up after one that was killed: its processes by their mark, its loop devices by their path.
 */

const PREFIX = 'drive-station-rehearsal-';
const OWNER = 'owner.json';
/** Between the directory and its owner's name lies one write; older ones have lost their owner. */
const NAMELESS_MS = 60_000;

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

/** Ends and removes whatever a run left behind that is no longer there; gives the directories. */
export async function sweep(): Promise<string[]> {
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
  for (const { pid } of await familyOf(mark)) endProcess(pid);
  const disks = (await readdir(directory)).map((name) => join(directory, name, 'disks'));
  for (const place of disks.filter((path) => existsSync(path))) await releaseAll(place);
  await unmountBelow(directory);
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}

/** Lazily: what was just killed may hold it for a moment. */
async function unmountBelow(directory: string): Promise<void> {
  const real = `${await realpath(directory)}/`;
  const below = (await mountPoints()).filter((place) => place.startsWith(real));
  for (const place of below.reverse()) await runTool('umount', ['--lazy', place]);
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

async function isYoung(directory: string): Promise<boolean> {
  const { mtimeMs } = await stat(directory);
  return Date.now() - mtimeMs < NAMELESS_MS;
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
