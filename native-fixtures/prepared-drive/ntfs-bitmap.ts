import type { FileHandle } from 'node:fs/promises';
import type { Region } from './bitlocker-regions.ts';

const BITMAP_RECORD = 6;
const DATA_ATTRIBUTE = 0x80;
const END_OF_ATTRIBUTES = 0xffff_ffff;

/**
 * Marks regions of a fresh NTFS volume as taken, so that no file is put there. Throws a `RangeError`
 * when the filesystem itself has put something there, or is not as `mkntfs` makes it.
 */
export async function reserveClusters(
  volume: FileHandle,
  regions: readonly Region[],
): Promise<void> {
  const { clusterBytes, runs } = await bitmapOf(volume);
  for (const { offset, length } of regions) {
    const last = Math.ceil((offset + length) / clusterBytes);
    for (let cluster = Math.floor(offset / clusterBytes); cluster < last; cluster++) {
      const at = placeOf(runs, Math.floor(cluster / 8), clusterBytes);
      const byte = Buffer.alloc(1);
      await volume.read(byte, 0, 1, at);
      const bit = 1 << (cluster % 8);
      const before = byte[0] ?? 0;
      if ((before & bit) !== 0) throw new RangeError(`cluster ${cluster} is taken already`);
      byte[0] = before | bit;
      await volume.write(byte, 0, 1, at);
    }
  }
}

/** Clusters one behind the other. */
interface Run {
  readonly cluster: number;
  readonly count: number;
}

async function bitmapOf(volume: FileHandle) {
  const boot = Buffer.alloc(512);
  await volume.read(boot, 0, 512, 0);
  const clusterBytes = boot.readUInt16LE(11) * boot.readUInt8(13);
  const size = boot.readInt8(64);
  const recordBytes = size < 0 ? 2 ** -size : size * clusterBytes;
  const table = Number(boot.readBigUInt64LE(48)) * clusterBytes;
  const record = Buffer.alloc(recordBytes);
  await volume.read(record, 0, recordBytes, table + BITMAP_RECORD * recordBytes);
  return { clusterBytes, runs: runsOf(record) };
}

/** The runs of the record's data, which lie before its first fixed-up word at 510. */
function runsOf(record: Buffer): Run[] {
  if (record.toString('latin1', 0, 4) !== 'FILE') throw new RangeError('no record of NTFS');
  let at = record.readUInt16LE(20);
  while (record.readUInt32LE(at) !== DATA_ATTRIBUTE) {
    if (record.readUInt32LE(at) === END_OF_ATTRIBUTES)
      throw new RangeError('a record without data');
    at += record.readUInt32LE(at + 4);
  }
  if (record.readUInt8(at + 8) !== 1) throw new RangeError('a bitmap inside its record');
  return decodeRuns(record.subarray(at + record.readUInt16LE(at + 32)));
}

/** Each run: a byte with two lengths, the count, and the distance from the run before it. */
function decodeRuns(bytes: Buffer): Run[] {
  const runs: Run[] = [];
  let [at, cluster] = [0, 0];
  for (let header = bytes[at] ?? 0; header !== 0; header = bytes[at] ?? 0) {
    const [countBytes, distanceBytes] = [header & 15, header >> 4];
    const count = bytes.readUIntLE(at + 1, countBytes);
    cluster += bytes.readIntLE(at + 1 + countBytes, distanceBytes);
    runs.push({ cluster, count });
    at += 1 + countBytes + distanceBytes;
  }
  return runs;
}

function placeOf(runs: readonly Run[], offset: number, clusterBytes: number): number {
  let skip = offset;
  for (const { cluster, count } of runs) {
    if (skip < count * clusterBytes) return cluster * clusterBytes + skip;
    skip -= count * clusterBytes;
  }
  throw new RangeError('a cluster beyond the volume');
}
