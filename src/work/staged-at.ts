import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Drive, driveKey } from '../domain/job.ts';
import { errnoOf } from '../errors.ts';
import type { CopyRecord, Ledger } from '../ledger/contract.ts';

/** Where the journal of a copy is. */
export function journalFileOf(directory: string, { id }: Pick<CopyRecord, 'id'>): string {
  return join(directory, `${id}.journal`);
}

/**
 * When the store last took something of each drive whose copy is under way: the journal of the copy is
 * written then. A drive without a journal is left out.
 */
export async function stagedAt(
  drives: readonly Drive[],
  { ledger, journalDirectory }: { readonly ledger: Ledger; readonly journalDirectory: string },
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const { ref, state } of drives) {
    if (state.name !== 'Transferring') continue;
    const copy = await ledger.copyOf(ref);
    if (copy === undefined) continue;
    try {
      const { mtime } = await stat(journalFileOf(journalDirectory, copy));
      found.set(driveKey(ref), mtime.toISOString());
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  return found;
}
