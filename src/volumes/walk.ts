import { throwIfCancelled } from '../errors.ts';
import { WALK_DEPTH_MAX } from '../limits.ts';
import type { SkipReason, VolumeEntry } from './contract.ts';
import { type Ground, isOn, lookAt, type Place } from './descriptors.ts';
import { type Name, namesIn } from './folder.ts';
import { pathOnVolume } from './windows-path.ts';

interface Folder {
  readonly place: Place;
  readonly names: readonly string[];
}

/**
 * Every file below a folder, depth first. In memory are the folders on the way to the current one and
 * one piece of each listing. What is no file and no folder is said and left alone.
 */
export async function* walkFolder(
  folder: Folder,
  ground: Ground,
  signal: AbortSignal,
): AsyncGenerator<VolumeEntry> {
  try {
    for await (const name of namesIn(folder.place)) {
      throwIfCancelled(signal);
      yield* walkName(folder, name, { ground, signal });
    }
  } catch (error) {
    if (signal.aborted) throw error;
    yield skipped(folder.names, 'unreadable');
  }
}

interface Way {
  readonly ground: Ground;
  readonly signal: AbortSignal;
}

async function* walkName(
  folder: Folder,
  { text, shown }: Name,
  { ground, signal }: Way,
): AsyncGenerator<VolumeEntry> {
  const names = [...folder.names, shown];
  if (text === undefined) return yield skipped(names, 'name-not-unicode');
  const place = await lookAt(folder.place, text).catch(() => undefined);
  if (place === undefined) return yield skipped(names, 'unreadable');
  try {
    const reason = await reasonToSkip(place, ground, names.length);
    if (reason !== undefined) return yield skipped(names, reason);
    if (place.stats.isDirectory()) yield* walkFolder({ place, names }, ground, signal);
    else yield fileEntry(place, names);
  } finally {
    await place.handle.close();
  }
}

async function reasonToSkip(
  place: Place,
  ground: Ground,
  depth: number,
): Promise<SkipReason | undefined> {
  if (place.stats.isSymbolicLink()) return 'reparse-point';
  if (!(await isOn(place, ground))) return 'other-filesystem';
  if (place.stats.isFile()) return undefined;
  if (!place.stats.isDirectory()) return 'not-a-file';
  return depth >= WALK_DEPTH_MAX ? 'too-deep' : undefined;
}

function fileEntry({ stats }: Place, names: readonly string[]): VolumeEntry {
  const path = pathOnVolume(names);
  return { kind: 'file', path, sizeBytes: stats.size, modifiedAt: stats.mtime };
}

function skipped(names: readonly string[], reason: SkipReason): VolumeEntry {
  return { kind: 'skipped', path: pathOnVolume(names), reason };
}
