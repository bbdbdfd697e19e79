import type { ContainerClient } from '@azure/storage-blob';
import { isStationError, throwIfCancelled } from '../errors.ts';
import { asUnusable, fromAzure, type StorageRequest } from './azure-errors.ts';

/** A name that no copy uses, asked for only to see how the store answers. */
const PROBE_NAME = 'drive-station-probe';
/** A store that does not let us do one thing may still let us do another. */
const CLOSED = ['storage-denied', 'account-disabled', 'storage-unusable'] as const;

/** Sends the requests of a container, each once, and says in our words how they failed. */
export class AzureRequests {
  readonly #client: ContainerClient;

  constructor(client: ContainerClient) {
    this.#client = client;
  }

  async createContainer(signal: AbortSignal): Promise<void> {
    try {
      await sendOnce({ operation: 'create container' }, signal, () =>
        this.#client.createIfNotExists({ abortSignal: signal }),
      );
    } catch (error) {
      // A SAS for one container may not create it. Whether it lets us work shows at the first question.
      if (!isStationError(error, ...CLOSED)) throw error;
      await this.#probe(signal);
    }
  }

  /**
   * A refusal alone does not say whether it is for the sake of the blob, of what it was to carry, or of
   * a store that refuses everything. That shows at a question which has nothing to do with any drive.
   */
  async send<T>(what: StorageRequest, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
    try {
      return await sendOnce(what, signal, send);
    } catch (error) {
      const isOpen = isStationError(error, 'storage-rejected') && error.payload.status > 0;
      if (isOpen) await this.#probe(signal);
      throw error;
    }
  }

  async #probe(signal: AbortSignal): Promise<void> {
    try {
      await sendOnce({ operation: 'open container', blob: PROBE_NAME }, signal, () =>
        this.#client.getBlockBlobClient(PROBE_NAME).getBlockList('all', { abortSignal: signal }),
      );
    } catch (error) {
      if (isStationError(error, 'storage-rejected')) throw asUnusable(error);
      if (!isOfBlob(error)) throw error;
    }
  }
}

async function sendOnce<T>(
  what: StorageRequest,
  signal: AbortSignal,
  send: () => Promise<T>,
): Promise<T> {
  throwIfCancelled(signal);
  try {
    return await send();
  } catch (error) {
    throw fromAzure(error, what, signal);
  }
}

/** What is said of one blob was said by a store that lets us work. */
function isOfBlob(error: unknown): boolean {
  return isStationError(error, 'blob-not-found', 'blob-of-other-type', 'blob-leased');
}
