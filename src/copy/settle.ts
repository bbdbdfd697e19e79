import type { BlobContainer } from '../blobs/contract.ts';
import { type BlockId, decodeBlockId } from '../domain/block-id.ts';
import type { BlobPlan } from '../domain/plan.ts';
import { type BlobEvidence, blobProblems } from '../domain/verdict.ts';
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
  context: SettleContext,
  signal: AbortSignal,
): Promise<BlobEvidence> {
  const { blob, ids, md5 } = staged;
  const { container, badPlaces } = context;
  const unreadableBytes = missingIn(ids);
  if (!held.committed) await commit(staged, context, signal);
  const look = async (): Promise<BlobEvidence> => ({
    name: blob.name,
    url: container.urlOf(blob.name),
    plannedBytes: blob.lengthBytes,
    readBytes: blob.lengthBytes - unreadableBytes,
    computedMd5: md5 ?? '',
    treeDigest: treeDigest(staged.digests),
    committed: await readBack(staged, container, signal),
    ...(unreadableBytes > 0 ? { unreadable: badPlaces.unreadableIn(blob) } : {}),
  });
  return await twiceUnlessAgreed(look);
}

/**
 * What the store holds by now of a blob that was settled before others. A disk of many blobs takes days, and
 * somebody can delete or replace the first of them meanwhile. Throws `blob-not-found`: the next attempt asks
 * the store what it has, and copies the blob once more.
 */
export async function lookAgain(
  { name }: BlobPlan,
  settled: BlobEvidence,
  container: BlobContainer,
  signal: AbortSignal,
): Promise<BlobEvidence> {
  return await twiceUnlessAgreed(async () => {
    const { lengthBytes, md5 } = await container.properties(name, signal);
    const { committed = [] } = await container.listBlocks(name, signal);
    const digests = committed.map(({ id }) => decodeBlockId(id)?.sha256 ?? '');
    const blocksAgree = settled.committed.blocksAgree && treeDigest(digests) === settled.treeDigest;
    return { ...settled, committed: { lengthBytes, md5, blocksAgree } };
  });
}

/** An answer can be damaged on its way: a disagreement is believed when it is said twice. */
async function twiceUnlessAgreed(look: () => Promise<BlobEvidence>): Promise<BlobEvidence> {
  const evidence = await look();
  const agrees = blobProblems(evidence).every(({ code }) => code === 'bytes-unreadable');
  return agrees ? evidence : await look();
}

async function commit(
  { blob, ids, md5, digests }: StagedBlob,
  { container, copyId, nonce }: SettleContext,
  signal: AbortSignal,
): Promise<void> {
  const unreadableBytes = missingIn(ids);
  const metadata = {
    drive_station_copy: copyId,
    drive_station_tree_sha256: treeDigest(digests),
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

async function readBack(
  { blob, ids }: StagedBlob,
  container: BlobContainer,
  signal: AbortSignal,
): Promise<BlobEvidence['committed']> {
  const { lengthBytes, md5 } = await container.properties(blob.name, signal);
  const { committed } = await container.listBlocks(blob.name, signal);
  const blocksAgree =
    committed?.length === ids.length && committed.every((block, i) => block.id === ids[i]);
  return { lengthBytes, md5, blocksAgree };
}

/** The blocks' own word, which no lost journal or map takes back. */
function missingIn(ids: readonly BlockId[]): number {
  return ids.reduce((sum, id) => sum + (decodeBlockId(id)?.unreadableBytes ?? 0), 0);
}
