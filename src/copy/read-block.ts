import { type BlobPlan, blockExtents } from '../domain/plan.ts';
import type { SourceDevice } from './device.ts';
import type { Slot } from './ring.ts';

/**
 * Reads one block of a blob into a slot, extent by extent, and gives the part that it fills. Throws
 * what `SourceDevice.readInto` throws.
 */
export async function readBlock(
  device: SourceDevice,
  { blob, index }: { readonly blob: BlobPlan; readonly index: number },
  slot: Slot,
): Promise<Buffer> {
  let filled = 0;
  for (const { offsetBytes, lengthBytes } of blockExtents(blob, index)) {
    await device.readInto(slot.buffer.subarray(filled, filled + lengthBytes), offsetBytes);
    filled += lengthBytes;
  }
  return slot.buffer.subarray(0, filled);
}
