import { type FileHandle, open } from 'node:fs/promises';
import { errnoOf, isStationError, StationError } from '../errors.ts';
import type { Unlockable } from './bitlocker.ts';
import type { ReadRange } from './bytes.ts';
import type { Unlocked } from './contract.ts';
import { refuse } from './copy-status.ts';
import { hasDeviceMapper, hasFuse, hasTool, toolsMissing } from './tools.ts';
import { unlockWithCryptsetup } from './unlock-cryptsetup.ts';
import { unlockWithDislocker } from './unlock-dislocker.ts';

/**
 * Unlocking, behind one seam: the kernel's device mapper by `cryptsetup` where there is one, which is
 * faster, else `dislocker` in user space. The key has been proved before, so a tool that fails has
 * failed for another reason than the key.
 */

export interface UnlockOrder {
  /** The loop device over the encrypted volume. */
  readonly devicePath: string;
  readonly unlockable: Unlockable;
  /** An empty folder, for a tool that mounts. */
  readonly mountPoint: string;
}

/** The decrypted volume: a block device, or a file on a mount of its own. */
export interface Plaintext {
  readonly path: string;
  readonly isBlockDevice: boolean;
  /** Lets go of it, bounded; gives what did not go away. */
  close(): Promise<readonly string[]>;
}

export type UnlockTool = Unlocked['tool'];

/** Throws `volume-tools-missing`, `volume-refused` with `BitLockerUnlockVolumeFailed`, `cancelled`. */
export async function unlock(
  order: UnlockOrder,
  signal: AbortSignal,
): Promise<{ plaintext: Plaintext; unlocked: Unlocked }> {
  const tool = await chooseTool(order.unlockable);
  try {
    const plaintext = await UNLOCKERS[tool](order, signal);
    const { metadata, opened } = order.unlockable;
    return { plaintext, unlocked: { tool, protector: opened.key.kind, method: metadata.method } };
  } catch (error) {
    if (!isStationError(error, 'tool-failed', 'tool-timed-out')) throw error;
    const words = `the drive could not be unlocked, although its key is right (${tool} failed)`;
    throw refuse({ status: 'BitLockerUnlockVolumeFailed', words }, error);
  }
}

const UNLOCKERS = { cryptsetup: unlockWithCryptsetup, dislocker: unlockWithDislocker } as const;

/** `cryptsetup` reads only the first copy of the metadata, and none of Windows Vista. */
async function chooseTool({ metadata }: Unlockable): Promise<UnlockTool> {
  const suited = metadata.version === 2 && metadata.copy === 1;
  if (suited && (await hasDeviceMapper()) && (await hasTool('cryptsetup'))) return 'cryptsetup';
  const missing = [];
  if (!(await hasFuse())) missing.push('/dev/fuse');
  if (!(await hasTool('dislocker-fuse'))) missing.push('dislocker');
  if (missing.length > 0) throw toolsMissing(missing);
  return 'dislocker';
}

/** Reads the decrypted volume; an error of the disk beneath shows as one of this file. */
export function readerOf(handle: FileHandle, devicePath: string): ReadRange {
  return async (offsetBytes, lengthBytes) => {
    const buffer = Buffer.alloc(lengthBytes);
    try {
      const { bytesRead } = await handle.read(buffer, 0, lengthBytes, offsetBytes);
      return bytesRead === lengthBytes ? buffer : undefined;
    } catch (cause) {
      const errno = errnoOf(cause) ?? 'unknown';
      const words = `the volume on ${devicePath} could not be read at byte ${offsetBytes} (${errno})`;
      const place = { devicePath, offsetBytes, lengthBytes, errno };
      throw new StationError('disk-read-failed', words, place, cause);
    }
  };
}

/** Runs something with a reader of the decrypted volume. */
export async function withReader<T>(
  path: string,
  devicePath: string,
  use: (read: ReadRange) => Promise<T>,
): Promise<T> {
  const handle = await open(path, 'r');
  try {
    return await use(readerOf(handle, devicePath));
  } finally {
    await handle.close();
  }
}
