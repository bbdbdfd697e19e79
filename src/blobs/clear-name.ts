import type { BlobName } from '../domain/blob-name.ts';
import { isStationError, throwIfCancelled } from '../errors.ts';
import type { BlobContainer, BlobProperties, WriteCondition } from './contract.ts';
import { blobRefusal } from './refusals.ts';

export interface NameToClear {
  readonly name: BlobName;
  /** Whether a blob that has the name may go as well. */
  readonly condition: WriteCondition;
}

/** On the empty blob that exists for a moment, so that one that outlived a power cut is known. */
const PLACEHOLDER = { drive_station_placeholder: 'clear-name' };
const EMPTY_MD5 = 'd41d8cd98f00b204e9800998ecf8427e';

/** What a store has under a name; `undefined` when there is no blob. One request, of the headers only. */
export async function lookFor(
  container: BlobContainer,
  name: BlobName,
  signal: AbortSignal,
): Promise<BlobProperties | undefined> {
  try {
    return await container.properties(name, signal);
  } catch (error) {
    if (isStationError(error, 'blob-not-found')) return undefined;
    throw error;
  }
}

/**
 * Leaves nothing under a name, so that anything can be made there: no staged blocks, whose ids may be of
 * another length than ours, and with `replace` no blob, which may be of another type. Only needed before
 * blocks are staged; a put or a new page blob replaces by itself.
 *
 * A service has no request that forgets staged blocks. A commit forgets all that it does not name, so an
 * empty blob is committed, under the condition that there is none, and removed again.
 *
 * Throws `destination-exists` when there is a blob and it may not go, and `blob-changed` when somebody
 * else writes it at the same time.
 */
export async function clearName(
  container: BlobContainer,
  { name, condition }: NameToClear,
  signal: AbortSignal,
): Promise<void> {
  throwIfCancelled(signal);
  const found = await lookFor(container, name, signal);
  if (found !== undefined) {
    if (condition !== 'replace' && !isPlaceholder(found)) {
      throw blobRefusal('destination-exists', name);
    }
    await container.remove({ name, etag: found.etag }, signal);
  }
  const { uncommitted } = await container.listBlocks(name, signal);
  if (uncommitted.length === 0) return;
  const empty = { name, blocks: [], md5: EMPTY_MD5, metadata: PLACEHOLDER };
  const { etag } = await container.commit(empty, signal);
  await container.remove({ name, etag }, signal);
}

function isPlaceholder({ lengthBytes, metadata }: BlobProperties): boolean {
  const [name, value] = Object.entries(PLACEHOLDER)[0] ?? [];
  return lengthBytes === 0 && name !== undefined && metadata[name] === value;
}
