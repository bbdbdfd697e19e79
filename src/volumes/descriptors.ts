import type { Stats } from 'node:fs';
import { constants, type FileHandle, lstat, open } from 'node:fs/promises';
import { errnoOf, StationError } from '../errors.ts';
import { mountIdOf } from './mount-table.ts';

/**
 * Descriptors instead of paths. A thing on the drive is first looked at without opening it and without
 * following it, then proved to lie on the volume's own mount, and only then opened, through the very
 * descriptor that was proved. No name is resolved twice, so nothing can be exchanged in between.
 */

/** `O_PATH` of the kernel's fcntl.h: a place in a filesystem and no more; Node has no name for it. */
const O_PATH = 0o10000000;

/** The mount that everything must lie on. */
export interface Ground {
  readonly device: number;
  readonly mountId: number;
}

export interface Place {
  readonly handle: FileHandle;
  readonly stats: Stats;
}

/** Looks at the root of a mount, whose id the mount table gave. Throws `file-access-denied`. */
export async function rootOf(mountPoint: string, mountId: number): Promise<[Place, Ground]> {
  const place = await lookAtPath(Buffer.from(mountPoint));
  const ground = { device: place.stats.dev, mountId };
  if (place.stats.isDirectory() && (await isOn(place, ground))) return [place, ground];
  await place.handle.close();
  throw denied(mountPoint, 'it is not the mount that was made');
}

/**
 * Looks at a name in a folder; a link is seen as a link. `undefined` when there is no such name.
 * Throws the system's error for what cannot be looked at. The caller closes the handle.
 */
export async function lookAt(folder: Place, name: string): Promise<Place | undefined> {
  try {
    return await lookAtPath(Buffer.from(`${folderPath(folder)}/${name}`, 'utf8'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What a name in a folder is, a link as a link, without opening it. */
export function lstatIn(folder: Place, name: string): Promise<Stats> {
  return lstat(Buffer.from(`${folderPath(folder)}/${name}`, 'utf8'));
}

async function lookAtPath(path: Buffer): Promise<Place> {
  const handle = await open(path, O_PATH | constants.O_NOFOLLOW);
  try {
    return { handle, stats: await handle.stat() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether the place lies on the volume: same device, and same mount by the kernel's word. */
export async function isOn(place: Place, ground: Ground): Promise<boolean> {
  const sameDevice = place.stats.dev === ground.device;
  return sameDevice && (await mountIdOf(place.handle.fd)) === ground.mountId;
}

/** Opens for reading what was looked at and proved to be a regular file. */
export function openProved({ handle }: Place): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  return open(`/proc/self/fd/${handle.fd}`, flags);
}

/** A path to a folder that cannot lead elsewhere while it is held. */
export function folderPath({ handle }: Place): string {
  return `/proc/self/fd/${handle.fd}`;
}

export function denied(path: string, reason: string, cause?: unknown) {
  const words = `${path} may not be opened: ${reason}`;
  return new StationError('file-access-denied', words, { path, reason }, cause);
}
