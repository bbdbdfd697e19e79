import { createHash } from 'node:crypto';
import type { JobId } from '../domain/job.ts';
import type { Ledger } from '../ledger/contract.ts';
import { type StorageSources, storageOf } from './accounts.ts';

export interface MarkSources extends StorageSources {
  readonly ledger: Pick<Ledger, 'storageCredential' | 'jobByName'>;
}

/**
 * A word that is another whenever the storage of a job is another, its credential included, and tells
 * neither; empty for a job that is gone. Throws as `storageOf` does.
 */
export async function storageMark(jobId: JobId, sources: MarkSources): Promise<string> {
  const job = await sources.ledger.jobByName(jobId);
  if (job === undefined) return '';
  const storage = await storageOf(job, sources);
  return createHash('sha256').update(JSON.stringify(storage)).digest('hex');
}
