import { type FileHandle, open } from 'node:fs/promises';
import type { Piece } from '../../native-fixtures/partition-table.ts';
import type { VolumeSource } from '../../src/volumes/contract.ts';

/** Disks for the room of volumes: in memory, or an image file, and both refuse what is not theirs. */

const ALIGNMENT_BYTES = 4096;

export interface MemoryDisk extends VolumeSource {
  readonly reads: { readonly offsetBytes: number; readonly lengthBytes: number }[];
}

/** A disk of zeros with pieces on it. Throws on a read that is not aligned or not inside. */
export function memoryDisk(
  pieces: readonly Piece[],
  shape: { readonly sizeBytes: number; readonly sectorBytes?: number },
): MemoryDisk {
  const { sizeBytes, sectorBytes = 512 } = shape;
  const reads: MemoryDisk['reads'] = [];
  const readAt = async (offsetBytes: number, lengthBytes: number) => {
    reads.push({ offsetBytes, lengthBytes });
    requireAligned({ offsetBytes, lengthBytes, sizeBytes });
    const bytes = Buffer.alloc(lengthBytes);
    for (const piece of pieces) overlay(bytes, offsetBytes, piece);
    return bytes;
  };
  return { devicePath: '/dev/null', sizeBytes, sectorBytes, reads, readAt };
}

function requireAligned({ offsetBytes, lengthBytes, sizeBytes }: Record<string, number>): void {
  const [from = -1, length = -1, size = 0] = [offsetBytes, lengthBytes, sizeBytes];
  const end = from + length;
  const aligned = from % ALIGNMENT_BYTES === 0 && (end % ALIGNMENT_BYTES === 0 || end === size);
  if (!aligned || from < 0 || length <= 0 || end > size) {
    throw new Error(`a read of ${length} bytes at ${from} on a disk of ${size}`);
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
