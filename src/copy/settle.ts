import type { BlobContainer } from '../blobs/contract.ts';
import { type BlockId, decodeBlockId } from '../domain/block-id.ts';
import type { BlobEvidence } from '../domain/verdict.ts';
import { isStationError } from '../errors.ts';
import type { BadPlaces } from './bad-places.ts';
import type { StagedBlob } from './blob-copy.ts';
import { askStore, type Held } from './resume.ts';
import { treeDigest } from './tree-digest.ts';

export interface SettleContext {
  readonly container: BlobContainer;
  readonly copyId: string;
  readonly nonce: string;
  readonly badPlaces: BadPlaces;
}

/**
 * Commits a blob and reads back what the store now holds: size, MD5 and block list. A blob that an
 * earlier attempt committed just before it was interrupted is only read back.
 */
export async function settleBlob(
  staged: StagedBlob,
  held: Held,
  { container, copyId, nonce, badPlaces }: SettleContext,
  signal: AbortSignal,
): Promise<BlobEvidence> {
  const { blob, ids, md5 } = staged;
  const tree = treeDigest(staged.digests);
  const unreadableBytes = missingIn(ids);
  if (!held.committed) {
    const metadata = {
      drive_station_copy: copyId,
      drive_station_tree_sha256: tree,
      drive_station_block_bytes: String(blob.blockBytes),
      ...(unreadableBytes > 0 ? { drive_station_unreadable_bytes: String(unreadableBytes) } : {}),
    };
    const digest = md5 === undefined ? {} : { md5 };
    try {
      await container.commit({ name: blob.name, blocks: ids, ...digest, metadata }, signal);
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
    readBytes: blob.lengthBytes - unreadableBytes,
    computedMd5: md5 ?? '',
    treeDigest: tree,
    committed: {
      lengthBytes: properties.lengthBytes,
      md5: properties.md5,
      blocksAgree:
        committed?.length === ids.length && committed.every((block, i) => block.id === ids[i]),
    },
    ...(unreadableBytes > 0 ? { unreadable: badPlaces.unreadableIn(blob) } : {}),
  };
}

/** The blocks' own word, which no lost journal or map takes back. */
function missingIn(ids: readonly BlockId[]): number {
  return ids.reduce((sum, id) => sum + (decodeBlockId(id)?.unreadableBytes ?? 0), 0);
}
