import type { Stats } from 'node:fs';
import { isOutOfResources, throwIfCancelled } from '../errors.ts';
import { WALK_DEPTH_MAX } from '../limits.ts';
import type { SkipReason, VolumeEntry } from './contract.ts';
import { type Ground, isOn, lookAt, lstatIn, type Place } from './descriptors.ts';
import type { Name } from './folder.ts';
import type { SecondLook } from './second-look.ts';
import { pathOnVolume } from './windows-path.ts';

interface Folder {
  readonly place: Place;
  readonly names: readonly string[];
}

/**
 * Every file below a folder, depth first. In memory are the folders on the way to the current one and
 * one piece of each listing. What is no file and no folder is said and left alone. Throws `cancelled`, and
 * the system's error where the machine has no descriptor or memory left.
 */
export async function* walkFolder(
  folder: Folder,
  way: Way,
  signal: AbortSignal,
): AsyncGenerator<VolumeEntry> {
  try {
    for await (const name of way.look.namesIn(folder.place)) {
      throwIfCancelled(signal);
      yield* walkName(folder, name, { ...way, signal });
    }
  } catch (error) {
    if (signal.aborted || isOutOfResources(error)) throw error;
    yield skipped(folder.names, 'folder-unreadable');
  }
}

export interface Way {
  readonly ground: Ground;
  readonly look: SecondLook;
}

interface Going extends Way {
  readonly signal: AbortSignal;
}

async function* walkName(
  folder: Folder,
  { text, shown }: Name,
  going: Going,
): AsyncGenerator<VolumeEntry> {
  const names = [...folder.names, shown];
  if (text === undefined) return yield skipped(names, 'name-not-unicode');
  const stats = await going.look.at(() => lstatIn(folder.place, text)).catch(unreadable);
  if (stats === undefined) return yield skipped(names, 'unreadable');
  const reason = reasonToSkip(stats, going.ground, names.length);
  if (reason !== undefined) yield skipped(names, reason);
  else if (stats.isDirectory()) yield* walkInto({ folder, name: text, names }, going);
  else yield fileEntry(stats, names);
}

interface Subfolder {
  readonly folder: Folder;
  readonly name: string;
  readonly names: readonly string[];
}

/** What was a folder a moment ago is looked at anew, and proved, before its names are read. */
async function* walkInto(
  { folder, name, names }: Subfolder,
  { ground, look, signal }: Going,
): AsyncGenerator<VolumeEntry> {
  const place = await look.at(() => lookAt(folder.place, name)).catch(unreadable);
  if (place === undefined) return yield skipped(names, 'unreadable');
  try {
    if (await isOn(place, ground)) yield* walkFolder({ place, names }, { ground, look }, signal);
    else yield skipped(names, 'other-filesystem');
  } finally {
    await place.handle.close();
  }
}

/** What does not read is told and skipped; what the station lacks is not the drive's fault. */
function unreadable(error: unknown): undefined {
  if (isOutOfResources(error)) throw error;
}

function reasonToSkip(stats: Stats, ground: Ground, depth: number): SkipReason | undefined {
  if (stats.isSymbolicLink()) return 'reparse-point';
  if (stats.dev !== ground.device) return 'other-filesystem';
  if (stats.isFile()) return undefined;
  if (!stats.isDirectory()) return 'not-a-file';
  return depth >= WALK_DEPTH_MAX ? 'too-deep' : undefined;
}

function fileEntry({ size, mtime }: Stats, names: readonly string[]): VolumeEntry {
  return { kind: 'file', path: pathOnVolume(names), sizeBytes: size, modifiedAt: mtime };
}

function skipped(names: readonly string[], reason: SkipReason): VolumeEntry {
  return { kind: 'skipped', path: pathOnVolume(names), reason };
}
