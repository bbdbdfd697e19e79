import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, isStationError, StationError } from '../errors.ts';
import { runTool, toolFailed } from './run-tool.ts';

/**
 * Loop devices as the kernel shows them. Everything is read from sysfs, never with `losetup --all`,
 * which opens every loop device of the machine and waits for the slowest of them.
 */

const SYSFS = '/sys/block';
const LOOP_NAME = /^loop\d+$/u;
const DELETED_SUFFIX = ' (deleted)';
const POLL_MS = 10;
/** Attempts to find a free device while other programs attach theirs. */
const ATTACH_ATTEMPTS = 4;

/** One attachment. Names are used again, so every later step checks the sequence number. */
export interface LoopAttachment {
  readonly name: string;
  readonly diskseq: number;
}

export interface AttachedLoop extends LoopAttachment {
  /** Path of the backing file, also when that file has been deleted since. */
  readonly backingFile: string;
  readonly sizeBytes: number;
}

export async function listLoops(): Promise<AttachedLoop[]> {
  const names = (await readdir(SYSFS)).filter((name) => LOOP_NAME.test(name));
  const found = await Promise.all(names.map(readLoop));
  return found.filter((loop) => loop !== undefined);
}

/** What is attached to a loop device now; `undefined` for one that is free or does not exist. */
export async function readLoop(name: string): Promise<AttachedLoop | undefined> {
  const backing = await sysfs(name, 'loop/backing_file');
  const diskseq = Number(await sysfs(name, 'diskseq'));
  const sectors = Number(await sysfs(name, 'size'));
  if (backing === undefined) return undefined;
  const backingFile = backing.endsWith(DELETED_SUFFIX)
    ? backing.slice(0, -DELETED_SUFFIX.length)
    : backing;
  return { name, diskseq, backingFile, sizeBytes: sectors * 512 };
}

async function sysfs(name: string, attribute: string): Promise<string | undefined> {
  try {
    return (await readFile(`${SYSFS}/${name}/${attribute}`, 'utf8')).replace(/\n$/u, '');
  } catch (error) {
    // ENXIO: the device was detached between open and read.
    if (['ENOENT', 'ENXIO', 'ENODEV'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

export interface AttachOptions {
  readonly sectorBytes: number;
  /** Names (`loop3`) not to use. */
  readonly avoid: readonly string[];
}

/**
 * Attaches a file read-only to a free loop device. Throws `tool-failed`, or `disk-not-readonly` when
 * the kernel did not make the device read-only.
 */
export async function attachLoop(file: string, options: AttachOptions): Promise<AttachedLoop> {
  const flags = ['--read-only', '--show', '--sector-size', String(options.sectorBytes)];
  const targets = options.avoid.length === 0 ? anyFree() : await freeExcept(options.avoid);
  const device = await firstThatWorks(targets, (target) =>
    runTool('losetup', [...flags, ...target, file]),
  );
  const name = device.trim().slice('/dev/'.length);
  const loop = LOOP_NAME.test(name) ? await readLoop(name) : undefined;
  if (loop?.backingFile !== file) {
    throw toolFailed('losetup', 0, `it printed ${device.trim()}, which is not attached to ${file}`);
  }
  if ((await sysfs(name, 'ro')) !== '1') {
    await detachLoop(loop);
    const devicePath = `/dev/${name}`;
    throw new StationError('disk-not-readonly', `${devicePath} is writable`, { devicePath });
  }
  return loop;
}

/** The kernel names a free device; another program may take it first, hence several attempts. */
function anyFree(): string[][] {
  return Array.from({ length: ATTACH_ATTEMPTS }, () => ['--find']);
}

/** Free devices by name, then new ones; the kernel refuses one that was taken meanwhile. */
async function freeExcept(avoid: readonly string[]): Promise<string[][]> {
  const numbers = (await readdir(SYSFS))
    .map((name) => /^loop(\d+)$/u.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number);
  const used = new Set((await listLoops()).map((loop) => loop.name));
  const next = Math.max(-1, ...numbers) + 1;
  const fresh = Array.from({ length: ATTACH_ATTEMPTS }, (_, index) => next + index);
  return [...numbers.sort((a, b) => a - b), ...fresh]
    .map((number) => `loop${number}`)
    .filter((name) => !used.has(name) && !avoid.includes(name))
    .map((name) => [`/dev/${name}`]);
}

async function firstThatWorks<Target>(
  targets: readonly Target[],
  attempt: (target: Target) => Promise<string>,
): Promise<string> {
  let last: unknown;
  for (const target of targets) {
    try {
      return await attempt(target);
    } catch (error) {
      if (!isStationError(error, 'tool-failed')) throw error;
      last = error;
    }
  }
  throw last;
}

/** Makes the kernel take the device's size from its backing file anew. */
export async function updateCapacity(loop: LoopAttachment): Promise<void> {
  if (await isStill(loop)) await runTool('losetup', ['--set-capacity', `/dev/${loop.name}`]);
}

/*
 * `struct loop_info64` of linux/loop.h is 232 bytes with `lo_sizelimit` at 32; 0x4c05 and 0x4c04 are
 * LOOP_GET_STATUS64 and LOOP_SET_STATUS64. `losetup` cannot change the limit of an attached device.
 */
const LIMIT_TO_NOTHING = `
  open(my $loop, '<', $ARGV[0]) or die "open: $!";
  my $info = "\\0" x 232;
  ioctl($loop, 0x4c05, $info) or die "get: $!";
  substr($info, 32, 8) = pack('Q', 1);
  ioctl($loop, 0x4c04, $info) or die "set: $!";
`;

/**
 * Gives the device size 0 by limiting it to one byte, which is less than a sector. Reads that are under
 * way get their bytes and later ones a clean end, so no reader meets an error. Throws `tool-failed`
 * where there is no `perl`.
 */
export async function shrinkToNothing(loop: LoopAttachment): Promise<void> {
  if (!(await isStill(loop))) return;
  await runTool('perl', ['-e', LIMIT_TO_NOTHING, `/dev/${loop.name}`]);
}

/** Detaches; while a program has the device open the kernel does so at the last close. */
export async function detachLoop(loop: LoopAttachment): Promise<void> {
  if (!(await isStill(loop))) return;
  try {
    await runTool('losetup', ['--detach', `/dev/${loop.name}`]);
  } catch (error) {
    if (await isStill(loop)) throw error;
  }
}

/** Waits until the kernel has let go of the attachment; `false` when it has not by the deadline. */
export async function waitUntilGone(loop: LoopAttachment, deadlineMs: number): Promise<boolean> {
  const end = performance.now() + deadlineMs;
  while (await isStill(loop)) {
    if (performance.now() > end) return false;
    await sleep(POLL_MS);
  }
  return true;
}

async function isStill(loop: LoopAttachment): Promise<boolean> {
  return (await readLoop(loop.name))?.diskseq === loop.diskseq;
}
