import { mkdir, mkdtemp, realpath, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isStationError, throwIfCancelled } from '../errors.ts';
import { proveKey } from './bitlocker.ts';
import type { VolumeKey } from './bitlocker-key.ts';
import { windowOf } from './bytes.ts';
import { contentOf } from './content.ts';
import type {
  ContentKind,
  Filesystem,
  FoundVolume,
  OpenVolume,
  Unlocked,
  VolumeNote,
  VolumeSource,
} from './contract.ts';
import { refuse } from './copy-status.ts';
import { stateNotes } from './filesystem-state.ts';
import { findVolume } from './find-volume.ts';
import { openLoopWindow } from './loop-window.ts';
import { mountFilesystem } from './mount-filesystem.ts';
import { MountedVolume } from './mounted-volume.ts';
import { Release } from './release.ts';
import { unlock, withReader } from './unlock.ts';

export interface VolumeOrder {
  readonly source: VolumeSource;
  /** The ways in which the job's key can be meant; none for a drive that is not encrypted. */
  readonly keys: readonly VolumeKey[];
  /**
   * `prepared-drive`: an Import/Export drive, NTFS under BitLocker and nothing else. `any-filesystem`:
   * whatever can be read, encrypted or not.
   */
  readonly accept: 'prepared-drive' | 'any-filesystem';
  /** An existing folder of this process, in which the mounts are made. */
  readonly workDirectory: string;
}

/**
 * Opens the first data volume of a drive. On a failure nothing is left behind. Throws
 * `volume-refused` for the drive's part, `volume-tools-missing` for the station's, `tool-failed` and
 * `tool-timed-out` where the kernel does not do what it should, `cancelled`, and what the source
 * throws.
 */
export async function openVolume(order: VolumeOrder, signal: AbortSignal): Promise<OpenVolume> {
  throwIfCancelled(signal);
  const found = await findVolume(order.source);
  const release = new Release();
  try {
    return await openFound({ order, found, release }, signal);
  } catch (error) {
    await release.run();
    // A disk that left makes every tool fail; its own error is the one that counts.
    if (!isStationError(error, 'cancelled')) await windowOf(order.source, found)(0, PROOF_BYTES);
    throw error;
  }
}

/** So much of the volume could be read when it was found. */
const PROOF_BYTES = 512;

interface Opening {
  readonly order: VolumeOrder;
  readonly found: FoundVolume;
  readonly release: Release;
}

/** The volume without its encryption, as something that can be mounted. */
interface Plain {
  readonly path: string;
  readonly isBlockDevice: boolean;
  /** The loop device over the volume as it lies on the disk. */
  readonly loopPath: string;
  readonly content: ContentKind;
  readonly unlocked?: Unlocked;
  readonly notes: readonly VolumeNote[];
}

async function openFound(opening: Opening, signal: AbortSignal): Promise<OpenVolume> {
  const { order, found, release } = opening;
  requireAcceptable(found.content, order.accept);
  const directory = await workFolder(order.workDirectory, release);
  const plain =
    found.content === 'bitlocker'
      ? await decrypted(opening, directory, signal)
      : await undecrypted(opening, signal);
  const filesystem = readable(plain.content, order.accept);
  const { path, isBlockDevice, unlocked } = plain;
  const state = await withReader(path, order.source.devicePath, (read) =>
    stateNotes(filesystem, read),
  );
  const mountPoint = await subfolder(directory, 'volume', release);
  const mounted = await mountOrRefuse({ filesystem, path, isBlockDevice, mountPoint }, signal);
  release.add(mounted.close);
  const notes = [...found.notes, ...plain.notes, ...state];
  const facts = { filesystem, found, notes, ...(unlocked === undefined ? {} : { unlocked }) };
  const layers = [...new Set([path, plain.loopPath])];
  const { damage } = mounted;
  return MountedVolume.open({ mountPoint, layers, release, facts, damage }, signal);
}

function requireAcceptable(content: ContentKind, accept: VolumeOrder['accept']): void {
  if (accept === 'any-filesystem' || content === 'bitlocker') return;
  if (content === 'ntfs') {
    const words = 'the volume is not BitLocker-protected, and a prepared drive has to be';
    throw refuse({ status: 'BitLockerNotActivated', words });
  }
  throw notNtfs(content);
}

/** Throws `volume-refused` for what cannot be opened, or is not what a prepared drive has. */
function readable(content: ContentKind, accept: VolumeOrder['accept']): Filesystem {
  const readableHere = content === 'ntfs' || accept === 'any-filesystem';
  const filesystem = FILESYSTEMS.find((name) => name === content);
  if (filesystem === undefined || !readableHere) throw notNtfs(content);
  return filesystem;
}

const FILESYSTEMS: readonly Filesystem[] = ['ntfs', 'exfat', 'fat', 'ext', 'xfs'];

function notNtfs(content: ContentKind) {
  const what = content === 'unknown' || content === 'blank' ? 'no known filesystem' : content;
  const words = `the first data volume of the drive is not NTFS: it has ${what}`;
  return refuse({ status: 'VolumeNotNtfs', words });
}

async function undecrypted(
  { order, found, release }: Opening,
  signal: AbortSignal,
): Promise<Plain> {
  const loop = await openLoopWindow(order.source, found, signal);
  release.add(loop.close);
  const path = loop.devicePath;
  return { path, isBlockDevice: true, loopPath: path, content: found.content, notes: [] };
}

async function decrypted(
  { order, found, release }: Opening,
  directory: string,
  signal: AbortSignal,
): Promise<Plain> {
  const { source, keys } = order;
  const unlockable = await proveKey(windowOf(source, found), keys, signal);
  const loop = await openLoopWindow(source, found, signal);
  release.add(loop.close);
  const mountPoint = await subfolder(directory, 'decrypted', release);
  const { plaintext, unlocked } = await unlock(
    { devicePath: loop.devicePath, unlockable, mountPoint },
    signal,
  );
  release.add(plaintext.close);
  const { path, isBlockDevice } = plaintext;
  const content = await withReader(path, source.devicePath, contentOf);
  const loopPath = loop.devicePath;
  return { path, isBlockDevice, loopPath, content, unlocked, notes: unlockable.notes };
}

type MountOrder = Parameters<typeof mountFilesystem>[0];

async function mountOrRefuse(order: MountOrder, signal: AbortSignal) {
  try {
    return await mountFilesystem(order, signal);
  } catch (error) {
    if (!isStationError(error, 'tool-failed')) throw error;
    const words = `the ${order.filesystem.toUpperCase()} filesystem of the drive cannot be opened: it is damaged, or has a form that is not supported`;
    throw refuse({ status: 'DiskOperationFailed', words }, error);
  }
}

async function workFolder(workDirectory: string, release: Release): Promise<string> {
  const directory = await mkdtemp(join(await realpath(workDirectory), 'volume-'));
  release.add(() => removed(directory));
  return directory;
}

async function subfolder(directory: string, name: string, release: Release): Promise<string> {
  const path = join(directory, name);
  await mkdir(path, { mode: 0o700 });
  release.add(() => removed(path));
  return path;
}

/** Removes an empty folder; never what a mount that did not go away has in it. */
async function removed(path: string): Promise<readonly string[]> {
  try {
    await rmdir(path);
    return [];
  } catch {
    return [`the folder ${path}`];
  }
}
