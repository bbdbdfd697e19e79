import { type BlockId, decodeBlockId } from '../domain/block-id.ts';
import { type BlobPlan, blockCount } from '../domain/plan.ts';
import { StationError } from '../errors.ts';
import type { StagedBlob } from './blob-copy.ts';
import type { Held } from './resume.ts';

/**
 * A blob that was put together out of its turn, of what the store holds of it. What was staged in this
 * attempt is known better: an earlier one may have left another block in its place.
 */
export function looseBlob(
  blob: BlobPlan,
  held: Held,
  rescued: ReadonlyMap<number, BlockId> = new Map(),
): StagedBlob {
  const blocks = Array.from({ length: blockCount(blob) }, (_, index) => {
    const id = rescued.get(index);
    return (id === undefined ? undefined : decodeBlockId(id)) ?? held.blocks.get(index);
  });
  const known = blocks.filter((block) => block !== undefined);
  if (known.length < blocks.length) {
    const words = `the store does not hold all blocks of ${blob.name} any more`;
    throw new StationError('storage-rejected', words, {
      ...{ operation: 'list blocks', status: 200 },
      detail: `${known.length} of ${blocks.length}`,
    });
  }
  return {
    blob,
    ids: known.map((block) => block.id),
    digests: known.map((block) => block.sha256),
    md5: undefined,
  };
}
