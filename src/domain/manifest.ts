import type { BlobPath } from './blob-path.ts';
import type { Digest } from './digest.ts';
import type { Disposition } from './import-disposition.ts';

/**
 * What a drive manifest promises of a blob, and the rules that its ranges keep ("Import/Export service
 * manifest file format", Microsoft Learn). Offsets are offsets in the file; of a page blob they are
 * offsets in the blob as well. How it is written is the business of `src/formats`.
 */
export interface ManifestRange {
  /** In bytes, from the beginning of the file. */
  readonly offset: number;
  readonly length: number;
  /** Of exactly these bytes. */
  readonly hash: Digest;
}

export interface ManifestBlock extends ManifestRange {
  /** Base64. Two blocks of one blob may share it where they are the same bytes. */
  readonly id?: string;
}

/** Blocks are the whole file in order; page ranges may leave gaps, whose bytes nobody speaks of. */
export type ManifestContent =
  | { readonly kind: 'blocks'; readonly list: readonly ManifestBlock[] }
  | { readonly kind: 'pages'; readonly list: readonly ManifestRange[] };

/** A metadata or properties file on the drive. */
export interface SideFile {
  readonly path: string;
  readonly hash: Digest;
}

/** The files that say what a blob carries besides its bytes; of a list: for each blob without its own. */
export interface SideFiles {
  readonly metadata?: SideFile;
  readonly properties?: SideFile;
}

export interface ManifestBlob extends SideFiles {
  readonly path: BlobPath;
  /** On the drive, as the manifest has it; whoever opens it judges it. */
  readonly filePath: string;
  /** Export only, as the manifest has it. */
  readonly snapshot?: string;
  /** Of the file, and of the blob; in bytes. */
  readonly length: number;
  readonly disposition: Disposition;
  readonly content: ManifestContent;
}

/** What the 2014 format allows; the values and their source are in `src/limits.ts`. */
export interface ManifestLimits {
  readonly maxRangeBytes: number;
  readonly maxBlocks: number;
  /** Up to this length a block blob may go without block ids. */
  readonly idlessBytes: number;
}

export type RangeFault =
  | 'length-invalid'
  | 'range-misaligned'
  | 'range-size'
  | 'range-order'
  | 'range-gap'
  | 'range-beyond-end'
  | 'blocks-too-many'
  | 'block-ids';

/** A rule that is broken; `index`: the range that breaks it, when one does. */
export interface RangeProblem {
  readonly fault: RangeFault;
  readonly problem: string;
  readonly index?: number;
}

/** A page blob is made of these. */
const PAGE_BYTES = 512;

/** The first rule that a blob's ranges break; `undefined` when they keep them all. */
export function contentProblem(
  length: number,
  content: ManifestContent,
  limits: ManifestLimits,
): RangeProblem | undefined {
  return content.kind === 'blocks'
    ? (blocksProblem(length, content.list, limits) ?? idsProblem(length, content.list, limits))
    : pagesProblem(length, content.list, limits);
}

function blocksProblem(
  length: number,
  blocks: readonly ManifestBlock[],
  limits: ManifestLimits,
): RangeProblem | undefined {
  if (blocks.length > limits.maxBlocks) {
    const problem = `${blocks.length} blocks are more than ${limits.maxBlocks}`;
    return { fault: 'blocks-too-many', problem };
  }
  let end = 0;
  for (const [index, block] of blocks.entries()) {
    const found = sizeProblem(block, limits) ?? gapProblem(block, end) ?? endProblem(block, length);
    if (found !== undefined) return { ...found, index };
    end = block.offset + block.length;
  }
  if (end === length) return undefined;
  return { fault: 'range-gap', problem: `the blocks end at ${end}, the file at ${length}` };
}

function pagesProblem(
  length: number,
  ranges: readonly ManifestRange[],
  limits: ManifestLimits,
): RangeProblem | undefined {
  if (length % PAGE_BYTES !== 0) {
    const problem = `the length ${length} of a page blob is not a multiple of ${PAGE_BYTES}`;
    return { fault: 'length-invalid', problem };
  }
  let end = 0;
  for (const [index, range] of ranges.entries()) {
    const found =
      sizeProblem(range, limits) ??
      alignmentProblem(range) ??
      orderProblem(range, end) ??
      endProblem(range, length);
    if (found !== undefined) return { ...found, index };
    end = range.offset + range.length;
  }
  return undefined;
}

function sizeProblem({ length }: ManifestRange, limits: ManifestLimits): RangeProblem | undefined {
  if (length > 0 && length <= limits.maxRangeBytes) return undefined;
  const problem = `a range of ${length} bytes is not one of 1 to ${limits.maxRangeBytes}`;
  return { fault: 'range-size', problem };
}

function alignmentProblem({ offset, length }: ManifestRange): RangeProblem | undefined {
  if (offset % PAGE_BYTES === 0 && length % PAGE_BYTES === 0) return undefined;
  const problem = `${length} bytes at ${offset} do not lie on pages of ${PAGE_BYTES}`;
  return { fault: 'range-misaligned', problem };
}

function orderProblem({ offset }: ManifestRange, end: number): RangeProblem | undefined {
  if (offset >= end) return undefined;
  const problem = `a range at ${offset} begins before the one in front of it ends, at ${end}`;
  return { fault: 'range-order', problem };
}

function gapProblem(range: ManifestRange, end: number): RangeProblem | undefined {
  if (range.offset <= end) return orderProblem(range, end);
  const problem = `between ${end} and ${range.offset} no block covers the file`;
  return { fault: 'range-gap', problem };
}

function endProblem({ offset, length }: ManifestRange, end: number): RangeProblem | undefined {
  if (offset + length <= end) return undefined;
  const problem = `${length} bytes at ${offset} reach beyond the end at ${end}`;
  return { fault: 'range-beyond-end', problem };
}

/** All blocks have an id or, up to a length, none has; equally long ones, as Put Block wants them. */
function idsProblem(
  length: number,
  blocks: readonly ManifestBlock[],
  limits: ManifestLimits,
): RangeProblem | undefined {
  const withId = blocks.filter((block) => block.id !== undefined).length;
  if (withId === 0 && length <= limits.idlessBytes) return undefined;
  const index = blocks.findIndex((block) => block.id === undefined);
  if (index >= 0) {
    const problem =
      withId === 0 ? `only ${limits.idlessBytes} bytes go without` : 'others have one';
    return { fault: 'block-ids', problem: `a block has no id, and ${problem}`, index };
  }
  return idTextProblem(blocks);
}

/** Before Base64, an id has at most this many bytes (Put Block). */
const MAX_ID_BYTES = 64;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u;

function isBlockId(id: string): boolean {
  const bytes = (id.length / 4) * 3 - (id.length - id.replace(/=+$/u, '').length);
  return bytes > 0 && bytes <= MAX_ID_BYTES && BASE64.test(id);
}

/**
 * Equal blocks may share an id (tools make ids of the hash). Different blocks may not: the store keeps
 * one block for an id, and the blob would hold it twice.
 */
function idTextProblem(blocks: readonly ManifestBlock[]): RangeProblem | undefined {
  const bytesOf = new Map<string, string>();
  const expected = blocks[0]?.id?.length;
  for (const [index, { id = '', length, hash }] of blocks.entries()) {
    const fault = (problem: string) => ({ fault: 'block-ids', problem, index }) as const;
    if (!isBlockId(id)) {
      return fault(`an id is not Base64 of 1 to ${MAX_ID_BYTES} bytes`);
    }
    if (id.length !== expected) return fault('the ids of the blob are not equally long');
    const bytes = `${length} ${hash.hex}`;
    if ((bytesOf.get(id) ?? bytes) !== bytes) return fault('two different blocks have one id');
    bytesOf.set(id, bytes);
  }
  return undefined;
}
