import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identityFileOf } from '../detect/identity-file.ts';
import { parseMountinfo } from '../detect/mounts.ts';
import { bayOf, emptyBay, loopbackDirectory, pluggedPathOf, refused } from './bay.ts';
import type { LoopDisk } from './contract.ts';
import { type AttachedLoop, detachLoop, listLoops, waitUntilGone } from './loop-device.ts';
import { AttachedLoopDisk } from './loop-disk.ts';
import { backingFile } from './private-copy.ts';
import { runTool } from './run-tool.ts';

/** Looking at, and clearing up, what other processes plugged in: runs that crashed, or a shell. */

const RELEASE_DEADLINE_MS = 2000;

export interface PluggedDisk extends AttachedLoop {
  readonly bay: string;
}

/** The disks that are plugged into the bays of this directory, and no other loop device. */
export async function listPlugged(directory: string): Promise<PluggedDisk[]> {
  const real = await loopbackDirectory(directory);
  return (await listLoops()).flatMap((loop) => {
    const bay = bayOf(real, loop.backingFile);
    return bay === undefined ? [] : [{ ...loop, bay }];
  });
}

/** A disk that another process plugged in. Throws `request-invalid` for an empty bay. */
export async function pluggedDisk(directory: string, bay: string): Promise<LoopDisk> {
  const real = await loopbackDirectory(directory);
  const pluggedPath = pluggedPathOf(real, bay);
  const loop = (await listPlugged(real)).find((disk) => disk.bay === bay);
  if (loop === undefined) throw refused(`there is no disk in ${bay} of ${directory}`);
  if ((await mountsIn(real)).includes(pluggedPath)) {
    throw refused(`the disk in ${bay} is run by a test rig`);
  }
  return new AttachedLoopDisk({ loop, bay, pluggedPath }, backingFile(pluggedPath));
}

/**
 * Removes the files of a bay whose disk is no longer attached, as after a restart of the machine.
 * `false` when there are none.
 */
export async function clearLeftOver(directory: string, bay: string): Promise<boolean> {
  const real = await loopbackDirectory(directory);
  const path = pluggedPathOf(real, bay);
  const attached = (await listPlugged(real)).some((disk) => disk.bay === bay);
  if (attached || !(await pluggedPathsIn(real)).includes(path)) return false;
  await emptyBay(path);
  return true;
}

/**
 * Clears every bay of a directory after a crashed run: mounts over plugged files, loop devices whose
 * backing file is one, and the files. Gives the bays that a program still holds open; the kernel frees
 * those when that program closes them.
 */
export async function releaseAll(directory: string): Promise<string[]> {
  const real = await loopbackDirectory(directory);
  // First the mounts: without its helper a fault disk fails its reads instead of keeping them waiting.
  for (const mount of await mountsIn(real)) await unmount(mount, ['--force', '--lazy']);
  const disks = await listPlugged(real);
  await Promise.all(disks.map(detachLoop));
  const gone = await Promise.all(disks.map((disk) => waitUntilGone(disk, RELEASE_DEADLINE_MS)));
  for (const path of await pluggedPathsIn(real)) await emptyBay(path);
  return disks.filter((_, index) => gone[index] === false).map((disk) => disk.bay);
}

/** A bay has an identity file from the moment it is taken. */
async function pluggedPathsIn(directory: string): Promise<string[]> {
  const names = new Set(await readdir(directory));
  const images = [...names].map((name) => name.replace(/\.disk\.yaml$/u, '.img'));
  return [...new Set(images)]
    .map((name) => join(directory, name))
    .filter((path) => bayOf(directory, path) !== undefined)
    .filter((path) => names.has(identityFileOf(path).slice(directory.length + 1)));
}

/** Plugged files that are mount points. */
async function mountsIn(directory: string): Promise<string[]> {
  return (await mountPoints()).filter((path) => bayOf(directory, path) !== undefined);
}

/** One that its own helper has just taken away is done as well. */
export async function unmount(mount: string, how: readonly string[]): Promise<void> {
  try {
    await runTool('umount', [...how, mount]);
  } catch (error) {
    if ((await mountPoints()).includes(mount)) throw error;
  }
}

/** Where anything is mounted, in the order of mounting. */
export async function mountPoints(): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  return parseMountinfo(table).map(({ mountpoint }) => mountpoint);
}
