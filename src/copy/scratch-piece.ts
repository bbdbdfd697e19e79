import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/**
 * A piece of a block in a file of the scratch: whose it is (8 bytes), where in the block it belongs and
 * how long it is, a CRC-32 of all that and of the bytes (4 bytes each, little endian), and the bytes.
 */

const NONCE_BYTES = 8;
const CHECKED_BYTES = NONCE_BYTES + 8;
const HEADER_BYTES = CHECKED_BYTES + 4;
/** Longer runs of bytes become more than one piece, so that one is looked at in little memory. */
export const SCRATCH_PIECE_BYTES = 1024 * 1024;

export interface ScratchPiece {
  /** In the block. */
  readonly atBytes: number;
  /** Good until the next piece is asked for. */
  readonly bytes: Buffer;
  /** Where the piece ends in the file. */
  readonly endBytes: number;
}

export function pieceHeader(nonce: string, atBytes: number, bytes: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(nonce, 'hex');
  header.writeUInt32LE(atBytes, NONCE_BYTES);
  header.writeUInt32LE(bytes.length, NONCE_BYTES + 4);
  header.writeUInt32LE(checksumOf(header, bytes), CHECKED_BYTES);
  return header;
}

function checksumOf(header: Buffer, bytes: Buffer): number {
  return crc32(bytes, crc32(header.subarray(0, CHECKED_BYTES)));
}

/** The pieces of a file up to the first one that is torn, damaged or of another copy. */
export async function* piecesIn(handle: FileHandle, nonce: string): AsyncGenerator<ScratchPiece> {
  const header = Buffer.alloc(HEADER_BYTES);
  const room = Buffer.allocUnsafe(SCRATCH_PIECE_BYTES);
  for (let at = 0; ; ) {
    if (!(await filled(handle, header, at))) return;
    const lengthBytes = header.readUInt32LE(NONCE_BYTES + 4);
    if (header.toString('hex', 0, NONCE_BYTES) !== nonce || lengthBytes > room.length) return;
    const bytes = room.subarray(0, lengthBytes);
    if (!(await filled(handle, bytes, at + HEADER_BYTES))) return;
    if (checksumOf(header, bytes) !== header.readUInt32LE(CHECKED_BYTES)) return;
    at += HEADER_BYTES + lengthBytes;
    yield { atBytes: header.readUInt32LE(NONCE_BYTES), bytes, endBytes: at };
  }
}

async function filled(handle: FileHandle, buffer: Buffer, position: number): Promise<boolean> {
  for (let done = 0; done < buffer.length; ) {
    const rest = buffer.length - done;
    const { bytesRead } = await handle.read(buffer, done, rest, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}
