import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseVolumeKey } from '../../volumes/bitlocker-key.ts';
import type { OpenVolume } from '../../volumes/contract.ts';
import { openVolume } from '../../volumes/open-volume.ts';
import { alignedBuffer } from '../aligned-buffer.ts';
import type { SourceDevice } from '../device.ts';
import { LANDMARK_BYTES } from '../landmarks.ts';
import type { FilesAssignment } from '../messages.ts';
import type { DriveUnderCopy } from './drive.ts';
import { driveRefused } from './refusal.ts';

/** The disk of a copy process as a drive with files on it. */
export function driveOn(device: SourceDevice, assignment: FilesAssignment): DriveUnderCopy {
  const { writesAtFirstSight } = assignment.disk;
  const place = alignedBuffer(LANDMARK_BYTES);
  return {
    devicePath: device.devicePath,
    get mayBeAsleep() {
      return device.mayBeAsleep;
    },
    readLandmark: async (offsetBytes) => {
      await device.readInto(place, offsetBytes);
      return place;
    },
    openVolume: (signal) => openOn(device, assignment, signal),
    proveStillThere: () => device.proveReadable(),
    kernelWrites: async () => {
      const writes = await device.writesCompleted();
      return writes === undefined ? undefined : writes - writesAtFirstSight;
    },
  };
}

async function openOn(
  device: SourceDevice,
  { plan, prepared, journalFile }: FilesAssignment,
  signal: AbortSignal,
): Promise<OpenVolume> {
  const key = prepared?.bitLockerKey;
  const keys = key === undefined ? [] : parseVolumeKey(key);
  const workDirectory = await emptied(`${journalFile}.volume`);
  const source = {
    devicePath: device.devicePath,
    sizeBytes: device.sizeBytes,
    sectorBytes: device.sectorBytes.logical,
    readAt: (offset: number, length: number) => readAligned(device, offset, length),
  };
  const isPrepared = plan.kind === 'manifest' && key !== undefined;
  const accept = isPrepared ? 'prepared-drive' : 'any-filesystem';
  const volume = await openVolume({ source, keys, accept, workDirectory }, signal);
  try {
    requireKind(volume, { plan, hasKey: key !== undefined });
    return volume;
  } catch (error) {
    await volume.close();
    throw error;
  }
}

/** What a job says of the volume must be so, or the drive is another one than its customer thinks. */
function requireKind(
  { filesystem, unlocked }: OpenVolume,
  { plan, hasKey }: { readonly plan: FilesAssignment['plan']; readonly hasKey: boolean },
): void {
  if (hasKey && unlocked === undefined) {
    const words = 'the job gives a BitLocker key, and the volume is not BitLocker-protected';
    throw driveRefused('BitLockerNotActivated', words);
  }
  if (plan.kind === 'tree' || filesystem === 'ntfs') return;
  const words = `the first data volume of the drive is not NTFS: it has ${filesystem}`;
  throw driveRefused('VolumeNotNtfs', words);
}

async function readAligned(
  device: SourceDevice,
  offsetBytes: number,
  lengthBytes: number,
): Promise<Uint8Array> {
  const bytes = alignedBuffer(lengthBytes);
  await device.readInto(bytes, offsetBytes);
  return bytes;
}

/**
 * The folder in which the volume is mounted. A process that was killed leaves empty folders in it: its
 * mounts went with its namespace.
 */
async function emptied(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of await readdir(directory)) {
    const left = join(directory, name);
    for (const inner of await readdir(left).catch(() => [])) {
      await rmdir(join(left, inner)).catch(() => undefined);
    }
    await rmdir(left).catch(() => undefined);
  }
  return directory;
}

/** Takes the folder away again, when nothing is left in it. */
export async function removeMountFolder({ journalFile }: FilesAssignment): Promise<void> {
  await rmdir(`${journalFile}.volume`).catch(() => undefined);
}
