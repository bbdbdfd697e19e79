import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { UNCOMMITTED_BLOCKS_MS } from '../limits.ts';
import { unlessMissing } from './durable-file.ts';

/**
 * Forgets what was staged under a name and not committed, a week after the last block of it, as the
 * service does: a copy that was given up, and one that was killed between a commit and the removal of
 * the blocks, would otherwise leave them for good.
 */
export async function forgetOldBlocks(staged: string): Promise<void> {
  for (const key of await readdir(staged)) {
    const folder = path.join(staged, key);
    const found = await unlessMissing(stat(folder));
    if (found === undefined || Date.now() - found.mtimeMs < UNCOMMITTED_BLOCKS_MS) continue;
    await rm(folder, { recursive: true, force: true });
  }
}
