import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../errors.ts';
import { syncPath } from '../sync-path.ts';

/** Files that are there whole or not at all, whenever the power goes. */

const TEMPORARY = /^tmp-(\d+)-/u;

/** A name for unfinished work; the process id in it tells later whether anyone still works on it. */
export function temporaryName(): string {
  return `tmp-${process.pid}-${randomUUID()}`;
}

/** Writes through a temporary file in the same directory: write, fsync, rename, fsync directory. */
export async function writeDurably(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = path.join(path.dirname(file), temporaryName());
  try {
    await writeSynced(temporary, write);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncPath(path.dirname(file));
}

/** Creates a file and forces it to the disk; its directory entry is not yet safe. */
export async function writeSynced(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const handle = await open(file, 'wx', 0o640);
  try {
    await write(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a directory and those above it that lack, and forces its name to the disk: also when it is there
 * already, since whoever made it may have been killed before that.
 */
export async function makeDirectories(directory: string, mode: number): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode });
  for (let made = path.resolve(directory); ; made = path.dirname(made)) {
    await syncPath(path.dirname(made));
    if (first === undefined || made === path.resolve(first)) return;
  }
}

/** A write may take less than it was given; this one does not come back before all is written. */
export async function writeAll(
  handle: FileHandle,
  bytes: Uint8Array,
  offsetBytes?: number,
): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const position = offsetBytes === undefined ? null : offsetBytes + at;
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position);
    at += bytesWritten;
  }
}

/** What is there, and `undefined` for what is not. */
export async function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes what killed processes of this machine left behind; running ones keep theirs. */
export async function sweepTemporaries(directory: string): Promise<void> {
  for (const name of (await unlessMissing(readdir(directory))) ?? []) {
    const pid = TEMPORARY.exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    await rm(path.join(directory, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
