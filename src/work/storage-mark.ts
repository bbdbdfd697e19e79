import { createHash } from 'node:crypto';
import type { StorageAccount } from '../blobs/contract.ts';

/** A word that is another for every other storage or credential, and tells neither. */
export function storageMark(storage: StorageAccount): string {
  return createHash('sha256').update(JSON.stringify(storage)).digest('hex');
}
