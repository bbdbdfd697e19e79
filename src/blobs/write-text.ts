import { createHash } from 'node:crypto';
import type { BlobName } from '../domain/blob-name.ts';
import { throwIfCancelled } from '../errors.ts';
import type { BlobContainer } from './contract.ts';

export interface TextToWrite {
  readonly name: BlobName;
  /** Taken piece by piece, and no faster than the store takes the blocks. */
  readonly text: AsyncIterable<string | Uint8Array>;
  readonly contentType: string;
  /** Bytes of every block but the last: what is in memory. */
  readonly blockBytes: number;
}

/**
 * Writes text as a block blob in UTF-8: one block in memory at a time, each checked by the store,
 * committed at the end with the MD5 of the whole. Until then there is no blob; what a broken attempt
 * staged is replaced by the next one or forgotten by the store.
 *
 * Throws what the container throws, `destination-exists` for a name that is taken included, and
 * whatever the text throws.
 */
export async function writeText(
  container: BlobContainer,
  { name, text, contentType, blockBytes }: TextToWrite,
  signal: AbortSignal,
): Promise<void> {
  throwIfCancelled(signal);
  const whole = createHash('md5');
  const blocks: string[] = [];
  for await (const body of blocksOf(text, blockBytes)) {
    whole.update(body);
    const id = textBlockId(blocks.length);
    const md5 = createHash('md5').update(body).digest('hex');
    await container.stageBlock({ name, id, body, md5 }, signal);
    blocks.push(id);
  }
  const md5 = whole.digest('hex');
  await container.commit({ name, blocks, md5, contentType, metadata: {} }, signal);
}

/** One buffer, filled and handed out again and again. */
async function* blocksOf(text: TextToWrite['text'], blockBytes: number): AsyncGenerator<Buffer> {
  const block = Buffer.allocUnsafe(blockBytes);
  let filled = 0;
  for await (const piece of text) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : viewOf(piece);
    for (let at = 0; at < bytes.length; ) {
      const taken = bytes.copy(block, filled, at);
      at += taken;
      filled += taken;
      if (filled < blockBytes) continue;
      yield block;
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

/** Base64 of the number in 32 bits: all ids of a blob must be of one length. */
function textBlockId(index: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(index);
  return bytes.toString('base64');
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
