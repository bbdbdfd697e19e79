import { type FileHandle, open } from 'node:fs/promises';
import type { Piece } from '../../native-fixtures/partition-table.ts';
import { badPlace } from '../../src/copy/disk-errors.ts';
import type { VolumeSource } from '../../src/volumes/contract.ts';

/** Disks for the room of volumes: in memory, or an image file, and both refuse what is not theirs. */

export interface MemoryDisk extends VolumeSource {
  readonly reads: { readonly offsetBytes: number; readonly lengthBytes: number }[];
}

interface MemoryDiskShape {
  readonly sizeBytes: number;
  readonly sectorBytes?: number;
  /** Sectors that cannot be read, by their offset. */
  readonly bad?: readonly number[];
}

/** A disk of zeros with pieces on it. Throws on a read that is not of whole sectors or not inside. */
export function memoryDisk(
  pieces: readonly Piece[],
  { sizeBytes, sectorBytes = 512, bad = [] }: MemoryDiskShape,
): MemoryDisk {
  const reads: MemoryDisk['reads'] = [];
  const readAt = async (offsetBytes: number, lengthBytes: number) => {
    reads.push({ offsetBytes, lengthBytes });
    requireSectors({ offsetBytes, lengthBytes, sizeBytes, sectorBytes });
    const end = offsetBytes + lengthBytes;
    if (bad.some((at) => at < end && at + sectorBytes > offsetBytes)) {
      throw badPlace('/dev/null', offsetBytes, { errno: 'ENODATA', lengthBytes, cause: undefined });
    }
    const bytes = Buffer.alloc(lengthBytes);
    for (const piece of pieces) overlay(bytes, offsetBytes, piece);
    return bytes;
  };
  return { devicePath: '/dev/null', sizeBytes, sectorBytes, reads, readAt };
}

interface Read {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly sizeBytes: number;
  readonly sectorBytes: number;
}

function requireSectors({ offsetBytes, lengthBytes, sizeBytes, sectorBytes }: Read): void {
  const end = offsetBytes + lengthBytes;
  const whole = offsetBytes % sectorBytes === 0 && end % sectorBytes === 0;
  if (!whole || offsetBytes < 0 || lengthBytes <= 0 || end > sizeBytes) {
    throw new Error(`a read of ${lengthBytes} bytes at ${offsetBytes} on a disk of ${sizeBytes}`);
  }
}

function overlay(bytes: Buffer, offsetBytes: number, piece: Piece): void {
  const from = Math.max(offsetBytes, piece.offsetBytes);
  const to = Math.min(offsetBytes + bytes.length, piece.offsetBytes + piece.bytes.length);
  if (from < to)
    piece.bytes.copy(bytes, from - offsetBytes, from - piece.offsetBytes, to - piece.offsetBytes);
}

export interface FileDisk extends VolumeSource, AsyncDisposable {}

/** An image file, or a loop device, as a disk; the kernel's loop driver takes either by its path. */
export async function fileDisk(
  path: string,
  shape: { readonly sizeBytes?: number; readonly sectorBytes?: number } = {},
): Promise<FileDisk> {
  const handle = await open(path, 'r');
  const sizeBytes = shape.sizeBytes ?? (await handle.stat()).size;
  return {
    devicePath: path,
    sizeBytes,
    sectorBytes: shape.sectorBytes ?? 512,
    readAt: (offsetBytes, lengthBytes) => readExactly(handle, offsetBytes, lengthBytes),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

async function readExactly(handle: FileHandle, at: number, lengthBytes: number): Promise<Buffer> {
  const bytes = Buffer.alloc(lengthBytes);
  const { bytesRead } = await handle.read(bytes, 0, lengthBytes, at);
  if (bytesRead !== lengthBytes)
    throw new Error(`only ${bytesRead} of ${lengthBytes} bytes at ${at}`);
  return bytes;
}
