import { crc32 } from 'node:zlib';
import { BITLOCKER_METADATA_MAX_BYTES } from '../limits.ts';
import { parseBitLockerHeader } from './bitlocker-header.ts';
import { type Protector, protectorsOf } from './bitlocker-protectors.ts';
import { type ReadRange, u64 } from './bytes.ts';
import { type LostPlace, sparing } from './lost-places.ts';

/**
 * The metadata of a BitLocker volume, in three copies with a CRC each: state, cipher and protectors.
 * Windows 7 and later write version 2, Vista version 1. The layout is that of libbde's
 * documentation and of cryptsetup's source; the states are those that dislocker knows.
 */

const SIGNATURE = '-FVE-FS-';
const BLOCK_HEADER_BYTES = 64;
const DATASET_HEADER_BYTES = 48;
const STATE_ENCRYPTED = 4;
const SECTOR_BYTES = 512;

const METHODS: ReadonlyMap<number, string> = new Map([
  [0x8000, 'AES-CBC 128 with diffuser'],
  [0x8001, 'AES-CBC 256 with diffuser'],
  [0x8002, 'AES-CBC 128'],
  [0x8003, 'AES-CBC 256'],
  [0x8004, 'AES-XTS 128'],
  [0x8005, 'AES-XTS 256'],
]);

export interface BitLockerMetadata {
  readonly version: 1 | 2;
  /** The first copy that is whole, from 1. */
  readonly copy: number;
  readonly toGo: boolean;
  /** Not wholly encrypted: encryption or decryption began and did not end. */
  readonly converting: boolean;
  /** `undefined` for a cipher that nobody here knows. */
  readonly method: string | undefined;
  readonly protectors: readonly Protector[];
}

export type MetadataResult =
  /** `lost`: what of the copies before it could not be read. */
  | {
      readonly kind: 'whole';
      readonly metadata: BitLockerMetadata;
      readonly lost: readonly LostPlace[];
    }
  | { readonly kind: 'damaged'; readonly problem: string }
  | { readonly kind: 'absent' };

/**
 * Reads the first copy that is whole. Throws only what the source throws: also for copies, where none is
 * whole, since one that cannot be read now is not damaged for good.
 */
export async function readBitLockerMetadata(read: ReadRange): Promise<MetadataResult> {
  const sector = await read(0, SECTOR_BYTES);
  const header = sector === undefined ? undefined : parseBitLockerHeader(sector);
  if (header === undefined) return { kind: 'absent' };
  const lost: LostPlace[] = [];
  const spare = sparing(read, lost);
  const places = header.vista ? await vistaPlaces(spare, header.metadataAt) : header.metadataAt;
  for (const [index, place] of places.entries()) {
    const block = await wholeBlock(spare, place);
    const parsed = block === undefined ? undefined : parseBlock(block);
    if (parsed === undefined) continue;
    const converting = header.converting || parsed.state !== STATE_ENCRYPTED;
    const { version, method, protectors } = parsed;
    const metadata = {
      version,
      copy: index + 1,
      toGo: header.toGo,
      converting,
      method,
      protectors,
    };
    return { kind: 'whole', metadata, lost };
  }
  if (lost[0] !== undefined) throw lost[0];
  return {
    kind: 'damaged',
    problem: 'none of the three copies of its BitLocker metadata is whole',
  };
}

/** The first copy names all three; damaged, it leaves only itself. */
async function vistaPlaces(
  read: ReadRange,
  [first]: readonly number[],
): Promise<readonly number[]> {
  if (first === undefined) return [];
  const block = await read(first, BLOCK_HEADER_BYTES);
  if (block?.toString('latin1', 0, 8) !== SIGNATURE) return [first];
  const others = [40, 48].map((at) => u64(block, at)).filter((at) => at !== undefined && at > 0);
  return [first, ...others.filter((at) => at !== undefined)];
}

/** A copy whose CRC, which follows it, is right. */
async function wholeBlock(read: ReadRange, place: number): Promise<Buffer | undefined> {
  const head = await read(place, BLOCK_HEADER_BYTES);
  if (head?.toString('latin1', 0, 8) !== SIGNATURE) return undefined;
  const version = head.readUInt16LE(10);
  const size = head.readUInt16LE(8) * (version === 2 ? 16 : 1);
  const tooSmall = size < BLOCK_HEADER_BYTES + DATASET_HEADER_BYTES;
  if ((version !== 1 && version !== 2) || tooSmall || size > BITLOCKER_METADATA_MAX_BYTES) {
    return undefined;
  }
  const withCheck = await read(place, size + 8);
  if (withCheck === undefined) return undefined;
  const block = withCheck.subarray(0, size);
  return crc32(block) === withCheck.readUInt32LE(size + 4) ? block : undefined;
}

interface Block {
  readonly version: 1 | 2;
  readonly state: number;
  readonly method: string | undefined;
  readonly protectors: readonly Protector[];
}

/** `undefined` when the sizes inside contradict each other. */
export function parseBlock(block: Buffer): Block | undefined {
  if (block.length < BLOCK_HEADER_BYTES + DATASET_HEADER_BYTES) return undefined;
  const version = block.readUInt16LE(10) === 1 ? 1 : 2;
  const datasetBytes = block.readUInt32LE(BLOCK_HEADER_BYTES);
  const headerBytes = block.readUInt32LE(BLOCK_HEADER_BYTES + 8);
  const end = BLOCK_HEADER_BYTES + datasetBytes;
  if (headerBytes < DATASET_HEADER_BYTES || headerBytes > datasetBytes || end > block.length) {
    return undefined;
  }
  const entries = block.subarray(BLOCK_HEADER_BYTES + headerBytes, end);
  return {
    version,
    state: block.readUInt16LE(12),
    method: METHODS.get(block.readUInt16LE(BLOCK_HEADER_BYTES + 36)),
    protectors: protectorsOf(entries),
  };
}
