import { open } from 'node:fs/promises';

/** Forces a file, or the entries of a directory, to the medium. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
