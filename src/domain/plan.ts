import type { BlobName } from './blob-name.ts';

/** What the destination allows; the values and their source are in `src/limits.ts`. */
export interface PlanLimits {
  readonly maxBlocksPerBlob: number;
  readonly maxBlockBytes: number;
  readonly maxBlobNameLength: number;
  /** The block sizes the station uses, ascending; each a power of two. */
  readonly blockSizesBytes: readonly number[];
  /** Length of every segment but the last when one blob would need larger blocks than those. */
  readonly segmentBytes: number;
}

/** A run of bytes of the source. */
export interface Extent {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** One blob to write: its extents, concatenated, cut into blocks of `blockBytes`. */
export interface BlobPlan {
  readonly name: BlobName;
  readonly lengthBytes: number;
  readonly blockBytes: number;
  readonly extents: readonly Extent[];
}

/** Everything that one drive's copy will write, known before the first byte moves. */
export type CopyPlan = ImagePlan | FilesPlan;

export interface ImagePlan {
  readonly kind: 'image';
  readonly totalBytes: number;
  readonly blobs: readonly BlobPlan[];
}

/** A copy of files: what they are stands on the drive itself, so the plan is their number. */
export interface FilesPlan {
  readonly kind: 'files';
  readonly totalBytes: number;
  readonly files: number;
}

export type PlanRefusal =
  | { readonly why: 'empty-disk' }
  | { readonly why: 'name-too-long'; readonly name: string; readonly maxLength: number }
  | { readonly why: 'too-many-blocks'; readonly blocks: number; readonly max: number };

export type PlanAnswer =
  | { readonly ok: true; readonly plan: ImagePlan }
  | { readonly ok: false; readonly refusal: PlanRefusal };

/**
 * Plans the raw image of a disk: one blob with the smallest block size that fits the block limit, or,
 * for a disk too large for that, segments `name.000`, `name.001` … that are committed one by one, so
 * that resume stays fine-grained and memory stays constant.
 */
export function planImage(sizeBytes: number, name: string, limits: PlanLimits): PlanAnswer {
  if (sizeBytes <= 0) return { ok: false, refusal: { why: 'empty-disk' } };
  const single = limits.blockSizesBytes.find(
    (blockBytes) => Math.ceil(sizeBytes / blockBytes) <= limits.maxBlocksPerBlob,
  );
  const blobs =
    single === undefined
      ? segments(sizeBytes, name, limits)
      : [blobOf(name, single, { offsetBytes: 0, lengthBytes: sizeBytes })];
  return checked({ kind: 'image', totalBytes: sizeBytes, blobs }, limits);
}

function segments(sizeBytes: number, name: string, limits: PlanLimits): BlobPlan[] {
  const blockBytes = limits.blockSizesBytes.at(-1) ?? limits.maxBlockBytes;
  const count = Math.ceil(sizeBytes / limits.segmentBytes);
  const digits = Math.max(3, String(count - 1).length);
  return Array.from({ length: count }, (_, index) => {
    const offsetBytes = index * limits.segmentBytes;
    const lengthBytes = Math.min(limits.segmentBytes, sizeBytes - offsetBytes);
    const suffix = String(index).padStart(digits, '0');
    return blobOf(`${name}.${suffix}`, blockBytes, { offsetBytes, lengthBytes });
  });
}

function blobOf(name: string, blockBytes: number, extent: Extent): BlobPlan {
  return {
    name: name as BlobName,
    lengthBytes: extent.lengthBytes,
    blockBytes,
    extents: [extent],
  };
}

function checked(plan: ImagePlan, limits: PlanLimits): PlanAnswer {
  for (const blob of plan.blobs) {
    if (blob.name.length > limits.maxBlobNameLength) {
      const refusal = {
        why: 'name-too-long',
        name: blob.name,
        maxLength: limits.maxBlobNameLength,
      } as const;
      return { ok: false, refusal };
    }
    const blocks = blockCount(blob);
    if (blocks > limits.maxBlocksPerBlob) {
      return {
        ok: false,
        refusal: { why: 'too-many-blocks', blocks, max: limits.maxBlocksPerBlob },
      };
    }
  }
  return { ok: true, plan };
}

export function blockCount(blob: BlobPlan): number {
  return Math.ceil(blob.lengthBytes / blob.blockBytes);
}

/** The length of block `index` of a blob; only the last one can be shorter. */
export function blockLength(blob: BlobPlan, index: number): number {
  return Math.min(blob.blockBytes, blob.lengthBytes - index * blob.blockBytes);
}

/** Where on the source the bytes of block `index` lie, in order. */
export function blockExtents(blob: BlobPlan, index: number): Extent[] {
  let skip = index * blob.blockBytes;
  let want = blockLength(blob, index);
  const found: Extent[] = [];
  for (const extent of blob.extents) {
    if (want === 0) break;
    if (skip >= extent.lengthBytes) {
      skip -= extent.lengthBytes;
      continue;
    }
    const lengthBytes = Math.min(extent.lengthBytes - skip, want);
    found.push({ offsetBytes: extent.offsetBytes + skip, lengthBytes });
    want -= lengthBytes;
    skip = 0;
  }
  return found;
}
