import type { BlobContainer } from '../blobs/contract.ts';
import { isCancelled, isStationError, messageOf } from '../errors.ts';

export interface LogWriting {
  /** The container of the logs. */
  readonly logsIn: string;
  /** The container of the drive's blobs; `undefined` for a drive that has none. */
  readonly blobsIn: string | undefined;
  /** Patient with outages. */
  openLogContainer(name: string): Promise<BlobContainer>;
  /** Writes all logs. */
  write(container: BlobContainer): Promise<void>;
}

/** Times that logs are begun whose container is deleted meanwhile. */
const TRIES = 3;

/**
 * Writes logs, and gives why not all of them were written. What the store refuses of the logs alone ends
 * here as words. When it does not let us work with the drive's blobs either, the credential is over, or the
 * clock wrong: that is thrown, for the copy halts and its logs are written once that is put right.
 */
export async function problemOfWriting(
  { logsIn, blobsIn, openLogContainer, write }: LogWriting,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      const container = await openLogContainer(logsIn);
      await container.ensure(signal);
      await write(container);
      return undefined;
    } catch (error) {
      if (isCancelled(error)) throw error;
      if (isStationError(error, 'container-missing') && tries < TRIES) continue;
      const mayBeOfAll = isClosed(error) && blobsIn !== undefined;
      if (mayBeOfAll) await (await openLogContainer(blobsIn)).ensure(signal);
      return messageOf(error);
    }
  }
}

function isClosed(error: unknown): boolean {
  return isStationError(
    error,
    'storage-denied',
    'account-disabled',
    'storage-unusable',
    'storage-clock-skew',
  );
}
