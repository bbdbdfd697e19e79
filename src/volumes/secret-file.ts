import { constants, type FileHandle, open } from 'node:fs/promises';
import type { Secret } from './bitlocker-key.ts';

/**
 * A file in memory that has no name, for a tool that takes its key from a file: it is handed on as an
 * open descriptor, so that the key stands in no argument, no environment and no directory.
 */

/** Always in memory on Linux. */
const MEMORY_DIRECTORY = '/dev/shm';
/** `__O_TMPFILE` of the kernel's fcntl.h, which Node has no name for; it goes with O_DIRECTORY. */
const TMPFILE = 0o20000000 | constants.O_DIRECTORY;

export interface SecretFile {
  readonly fd: number;
  /** Overwrites the key, also for whoever still has the file open, and closes it. */
  close(): Promise<void>;
}

export async function secretFile(secret: Secret): Promise<SecretFile> {
  const handle = await open(MEMORY_DIRECTORY, TMPFILE | constants.O_RDWR, 0o600);
  const bytes = secret.reveal();
  try {
    await handle.write(bytes, 0, bytes.length, 0);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { fd: handle.fd, close: () => wipe(handle, bytes.length) };
}

async function wipe(handle: FileHandle, lengthBytes: number): Promise<void> {
  await handle.write(Buffer.alloc(lengthBytes), 0, lengthBytes, 0);
  await handle.close();
}
