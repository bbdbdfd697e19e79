import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, StationError, throwIfCancelled } from '../../src/errors.ts';
import type { OpenVolume, VolumeEntry, VolumeFile } from '../../src/volumes/contract.ts';
import {
  foldCase,
  formatVolumePath,
  pathOnVolume,
  type VolumePath,
} from '../../src/volumes/windows-path.ts';

/** A folder of this machine as an open volume: the contract without a disk, for speed. */

const VOLUME_BYTES = 64 * 1024 * 1024;

export interface FolderFaults {
  /** Makes reading fail at a place, or lets it wait; called before each read. */
  onRead?(path: string, offsetBytes: number, lengthBytes: number): Promise<void> | void;
  /** May change what was read. */
  afterRead?(bytes: Uint8Array): void;
  /** Makes the list of files another one, or lets it wait. */
  onWalk?(entries: AsyncIterable<VolumeEntry>, onBadRead: () => void): AsyncIterable<VolumeEntry>;
}

export function folderVolume(root: string, faults: FolderFaults = {}): OpenVolume {
  return {
    filesystem: 'ntfs',
    found: {
      ...{
        table: 'none',
        partition: 0,
        offsetBytes: 0,
        lengthBytes: VOLUME_BYTES,
        content: 'ntfs',
      },
      ...{ passedOver: [], notes: [] },
    },
    notes: [],
    openFile: (path, signal) => openIn(root, path, { faults, signal }),
    walk: (signal, onBadRead = () => undefined) => {
      const entries = walkIn(root, [], signal);
      return faults.onWalk?.(entries, onBadRead) ?? entries;
    },
    damage: async () => ({ said: [] }),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function openIn(
  root: string,
  path: VolumePath,
  { faults, signal }: { faults: FolderFaults; signal: AbortSignal },
): Promise<VolumeFile> {
  throwIfCancelled(signal);
  const shown = formatVolumePath(path);
  const exact = await lstat(join(root, ...path)).catch(() => undefined);
  const names = exact === undefined ? await spelledIn(root, path) : path;
  const stats = exact ?? (await lstat(join(root, ...names)).catch(() => undefined));
  if (stats === undefined) {
    throw new StationError('file-not-found', `there is no file ${shown}`, { path: shown });
  }
  if (!stats.isFile()) {
    const payload = { path: shown, reason: 'no file' };
    throw new StationError('file-access-denied', `${shown} is no file`, payload);
  }
  const handle = await open(join(root, ...names), 'r');
  return fileOf(handle, { shown, stats, faults });
}

function fileOf(
  handle: FileHandle,
  {
    shown,
    stats,
    faults,
  }: { shown: string; stats: { size: number; mtime: Date }; faults: FolderFaults },
): VolumeFile {
  return {
    foundAs: shown,
    ambiguous: [],
    sizeBytes: stats.size,
    modifiedAt: stats.mtime,
    read: async (buffer, offsetBytes, lengthBytes) => {
      await faults.onRead?.(shown, offsetBytes, lengthBytes);
      const { bytesRead } = await handle.read(buffer, 0, lengthBytes, offsetBytes);
      faults.afterRead?.(buffer.subarray(0, bytesRead));
      return bytesRead;
    },
    forget: async () => undefined,
    close: () => handle.close(),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

async function spelledIn(root: string, path: VolumePath): Promise<string[]> {
  const names: string[] = [];
  for (const name of path) {
    const listed = await readdir(join(root, ...names)).catch((error: unknown): string[] => {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
      throw error;
    });
    const found = listed.includes(name)
      ? name
      : listed.find((other) => foldCase(other) === foldCase(name));
    names.push(found ?? name);
  }
  return names;
}

async function* walkIn(
  root: string,
  names: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<VolumeEntry> {
  const entries = await readdir(join(root, ...names), { withFileTypes: true });
  for (const entry of entries) {
    throwIfCancelled(signal);
    const path = [...names, entry.name];
    if (entry.isDirectory()) yield* walkIn(root, path, signal);
    else if (entry.isFile()) {
      const { size, mtime } = await lstat(join(root, ...path));
      yield { kind: 'file', path: pathOnVolume(path), sizeBytes: size, modifiedAt: mtime };
    } else yield { kind: 'skipped', path: pathOnVolume(path), reason: 'reparse-point' };
  }
}
