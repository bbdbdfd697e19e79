import type { FileHandle } from 'node:fs/promises';
import {
  errnoOf,
  isOutOfResources,
  isStationError,
  StationError,
  throwIfCancelled,
} from '../errors.ts';
import { forgetCached } from './cached.ts';
import type { VolumeFile } from './contract.ts';
import { denied, type Ground, isOn, lookAt, openProved, type Place } from './descriptors.ts';
import type { CaseSearch } from './folder.ts';
import { formatVolumePath, type VolumePath } from './windows-path.ts';

/** Opens a file of a mounted volume name by name, and proves each step. */

export interface OpenTree {
  readonly root: Place;
  readonly ground: Ground;
  readonly search: CaseSearch;
  /** What the filesystem lies on, the topmost first: files and block devices. */
  readonly layers: readonly string[];
}

/**
 * Throws `file-not-found`, `file-access-denied`, `file-name-too-long`, `file-read-failed`, `cancelled`, and
 * the system's own error where the machine has no descriptor or memory left.
 */
export async function openVolumeFile(
  tree: OpenTree,
  path: VolumePath,
  signal: AbortSignal,
): Promise<VolumeFile> {
  const found: string[] = [];
  const ambiguous: string[] = [];
  let place = tree.root;
  try {
    for (const [index, name] of path.entries()) {
      throwIfCancelled(signal);
      const { names, next } = await step(tree, place, name);
      if (place !== tree.root) await place.handle.close();
      place = next;
      found.push(names[0] ?? name);
      ambiguous.push(...names.slice(1));
      await prove(tree.ground, place, { isLast: index === path.length - 1, path });
    }
    const handle = await openProved(place);
    return new OpenedFile(handle, {
      layers: tree.layers,
      place,
      foundAs: formatVolumePath(found),
      ambiguous,
    });
  } catch (error) {
    throw fileError(error, formatVolumePath(path));
  } finally {
    if (place !== tree.root) await place.handle.close();
  }
}

interface Step {
  /** What the name was found as, first, and other names that differ in case alone. */
  readonly names: readonly string[];
  readonly next: Place;
}

/** The exact name if there is one; else the first that Windows would take for the same. */
async function step({ search }: OpenTree, folder: Place, name: string): Promise<Step> {
  const exact = await lookAt(folder, name);
  if (exact !== undefined) return { names: [name], next: exact };
  const names = await search.find(folder, name);
  const next = names[0] === undefined ? undefined : await lookAt(folder, names[0]);
  if (next === undefined) throw new NotThere();
  return { names, next };
}

class NotThere extends Error {}

interface Expected {
  readonly isLast: boolean;
  readonly path: VolumePath;
}

async function prove(ground: Ground, place: Place, { isLast, path }: Expected): Promise<void> {
  const shown = formatVolumePath(path);
  if (place.stats.isSymbolicLink()) {
    throw denied(
      shown,
      'a link or junction is in the way, and links on a drive are never followed',
    );
  }
  if (!(await isOn(place, ground))) throw denied(shown, 'it leads to another filesystem');
  if (isLast && place.stats.isDirectory()) throw denied(shown, 'it is a folder');
  if (isLast && !place.stats.isFile()) throw denied(shown, 'it is no ordinary file');
  if (!isLast && !place.stats.isDirectory()) throw new NotThere();
}

function fileError(error: unknown, path: string): unknown {
  if (isStationError(error) || isOutOfResources(error)) return error;
  const errno = errnoOf(error);
  if (error instanceof NotThere || errno === 'ENOENT' || errno === 'ENOTDIR') {
    return new StationError('file-not-found', `there is no file ${path} on the drive`, { path });
  }
  if (errno === 'ENAMETOOLONG') {
    const words = `a name in ${path} is longer than the drive's filesystem allows`;
    const bounds = { path, length: path.length, maxLength: 255 };
    return new StationError('file-name-too-long', words, bounds, error);
  }
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'ELOOP') {
    return denied(path, `the filesystem refuses it (${errno})`, error);
  }
  return errno === undefined ? error : readFailed(path, errno, error);
}

function readFailed(path: string, errno: string, cause?: unknown) {
  const words = `${path} could not be read (${errno})`;
  return new StationError('file-read-failed', words, { path, errno }, cause);
}

interface Facts {
  readonly layers: readonly string[];
  readonly place: Place;
  readonly foundAs: string;
  readonly ambiguous: readonly string[];
}

class OpenedFile implements VolumeFile {
  readonly foundAs: string;
  readonly ambiguous: readonly string[];
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  readonly #handle: FileHandle;
  readonly #layers: readonly string[];

  constructor(handle: FileHandle, { layers, place, foundAs, ambiguous }: Facts) {
    this.#handle = handle;
    this.#layers = layers;
    this.foundAs = foundAs;
    this.ambiguous = ambiguous;
    this.sizeBytes = place.stats.size;
    this.modifiedAt = place.stats.mtime;
  }

  /** An end before the size that was seen at the open is no end: the disk is going, or damaged. */
  async read(buffer: Uint8Array, offsetBytes: number, lengthBytes: number): Promise<number> {
    const rest = Math.max(0, Math.min(lengthBytes, this.sizeBytes - offsetBytes));
    if (rest === 0) return 0;
    try {
      const { bytesRead } = await this.#handle.read(buffer, 0, rest, offsetBytes);
      if (bytesRead > 0) return bytesRead;
    } catch (error) {
      if (isOutOfResources(error)) throw error;
      throw readFailed(this.foundAs, errnoOf(error) ?? 'unknown', error);
    }
    throw readFailed(this.foundAs, 'it ends too early');
  }

  async forget(): Promise<void> {
    const self = `/proc/${process.pid}/fd/${this.#handle.fd}`;
    await forgetCached([self, ...this.#layers]);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
