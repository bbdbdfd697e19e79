import { join } from 'node:path';
import { startHelper } from './helper.ts';
import { secretFile } from './secret-file.ts';
import type { Plaintext, UnlockOrder } from './unlock.ts';

/** What dislocker shows on its mount. */
const FILE_NAME = 'dislocker-file';
/** The helper finds its key at the descriptor it was given. */
const KEY_PATH = '/proc/self/fd/3';

/**
 * Unlocks in user space. dislocker asks for a typed key on a terminal only, and opens the first
 * protector of a kind alone; it is therefore given the volume master key, which is proved to be right.
 * Throws `tool-failed`, `tool-timed-out`, `cancelled`.
 */
export async function unlockWithDislocker(
  { devicePath, unlockable, mountPoint }: UnlockOrder,
  signal: AbortSignal,
): Promise<Plaintext> {
  const key = await secretFile(unlockable.opened.masterKey);
  try {
    const volume = ['--readonly', '--volume', devicePath, '--vmk', KEY_PATH];
    const fuse = ['--', mountPoint, '-f', '-o', 'ro,nosuid,nodev,noexec'];
    const call = { tool: 'dislocker-fuse', args: [...volume, ...fuse], mountPoint, keyFd: key.fd };
    const helper = await startHelper(call, signal);
    return { path: join(mountPoint, FILE_NAME), isBlockDevice: false, close: helper.close };
  } finally {
    await key.close();
  }
}
