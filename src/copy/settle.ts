import type { BlobContainer } from '../blobs/contract.ts';
import type { BlobEvidence } from '../domain/verdict.ts';
import { isStationError } from '../errors.ts';
import type { StagedBlob } from './blob-copy.ts';
import { askStore, type Held } from './resume.ts';
import { treeDigest } from './tree-digest.ts';

export interface SettleContext {
  readonly container: BlobContainer;
  readonly copyId: string;
  readonly nonce: string;
}

/**
 * Commits a blob and reads back what the store now holds: size, MD5 and block list. A blob that an
 * earlier attempt committed just before it was interrupted is only read back.
 */
export async function settleBlob(
  staged: StagedBlob,
  held: Held,
  { container, copyId, nonce }: SettleContext,
  signal: AbortSignal,
): Promise<BlobEvidence> {
  const { blob, ids, md5 } = staged;
  const tree = treeDigest(staged.digests);
  if (!held.committed) {
    const metadata = {
      drive_station_copy: copyId,
      drive_station_tree_sha256: tree,
      drive_station_block_bytes: String(blob.blockBytes),
    };
    try {
      await container.commit({ name: blob.name, blocks: ids, md5, metadata }, signal);
    } catch (error) {
      // The answer to a first commit can be lost: then the blob is there, and it is ours.
      if (!isStationError(error, 'destination-exists')) throw error;
      await askStore(blob, nonce, container, signal);
    }
  }
  const properties = await container.properties(blob.name, signal);
  const { committed } = await container.listBlocks(blob.name, signal);
  return {
    name: blob.name,
    url: container.urlOf(blob.name),
    plannedBytes: blob.lengthBytes,
    readBytes: blob.lengthBytes,
    computedMd5: md5,
    treeDigest: tree,
    committed: {
      lengthBytes: properties.lengthBytes,
      md5: properties.md5,
      blocksAgree:
        committed?.length === ids.length && committed.every((block, i) => block.id === ids[i]),
    },
  };
}
