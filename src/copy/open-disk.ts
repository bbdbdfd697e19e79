import { execFile } from 'node:child_process';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { errnoOf, isOutOfResources, StationError, throwIfCancelled } from '../errors.ts';
import { DISK_CLAIM_WAIT_MS, TOOL_DEADLINE_MS } from '../limits.ts';

const run = promisify(execFile);

/** Opening a disk for reading alone, and finding what the kernel shows of it. */

/** The claim of a copy process that was just killed ends with it, a moment later. */
const CLAIM_RETRY_MS = 50;

/** Throws `disk-gone`, `disk-busy`, `disk-read-failed`, `cancelled`. */
export async function openExclusively(
  devicePath: string,
  signal: AbortSignal,
): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_DIRECT | constants.O_EXCL;
  for (let waited = 0; ; waited += CLAIM_RETRY_MS) {
    throwIfCancelled(signal);
    try {
      return await open(devicePath, flags);
    } catch (cause) {
      const errno = errnoOf(cause);
      if (errno === 'EBUSY' && waited < DISK_CLAIM_WAIT_MS) {
        await sleep(CLAIM_RETRY_MS);
        continue;
      }
      if (isOutOfResources(cause)) throw cause;
      throw openError(devicePath, errno ?? 'unknown', cause);
    }
  }
}

/** What open answers when the disk behind a node is not there, or its medium is not. */
const ABSENT = new Set(['ENOENT', 'ENXIO', 'ENODEV', 'ENOMEDIUM']);

function openError(devicePath: string, errno: string, cause: unknown): StationError {
  if (errno === 'EBUSY') {
    const words = `${devicePath} is mounted or held by another process`;
    return new StationError('disk-busy', words, { devicePath }, cause);
  }
  const words = `${devicePath} could not be opened (${errno})`;
  if (ABSENT.has(errno)) {
    return new StationError('disk-gone', words, { devicePath, offsetBytes: 0 }, cause);
  }
  const place = { devicePath, offsetBytes: 0, lengthBytes: 0, errno };
  return new StationError('disk-read-failed', words, place, cause);
}

/** The sysfs directory of the disk behind the descriptor, by its device number. */
export async function sysfsOf(handle: FileHandle): Promise<string> {
  const { rdev } = await handle.stat();
  const major = ((rdev >> 8) & 0xfff) | ((rdev / 2 ** 32) & ~0xfff);
  const minor = (rdev & 0xff) | ((rdev >> 12) & ~0xff);
  return `/sys/dev/block/${major}:${minor}`;
}

/**
 * Sets the kernel's read-only flag through the open descriptor, so it cannot hit another disk. Throws
 * `disk-not-readonly` when the kernel does not show it then.
 */
export async function setReadOnly(
  handle: FileHandle,
  devicePath: string,
  isReadOnly: () => boolean,
): Promise<void> {
  if (isReadOnly()) return;
  let cause: unknown;
  try {
    const self = `/proc/${process.pid}/fd/${handle.fd}`;
    await run('blockdev', ['--setro', self], { timeout: TOOL_DEADLINE_MS, killSignal: 'SIGKILL' });
  } catch (error) {
    cause = error;
  }
  if (isReadOnly()) return;
  if (isOutOfResources(cause)) throw cause;
  const words = `the kernel did not make ${devicePath} read-only`;
  throw new StationError('disk-not-readonly', words, { devicePath }, cause);
}
