import { createHash } from 'node:crypto';
import { isStationError, StationError, throwIfCancelled } from '../errors.ts';
import { RESUME_SAMPLES } from '../limits.ts';
import { type BadPlaces, placeOf } from './bad-places.ts';
import { contentChanged } from './blob-copy.ts';
import type { BlockSums } from './block-sums.ts';
import type { SourceDevice } from './device.ts';
import type { GoodPlaces } from './good-places.ts';
import type { CopyJournal, Landmark } from './journal.ts';
import { LANDMARK_BYTES, landmarkDigest } from './landmarks.ts';
import { readBlock } from './read-block.ts';
import type { BufferRing, Slot } from './ring.ts';
import type { BlockToProve, PlacedBlock } from './survey.ts';

export interface ProofParts {
  readonly device: SourceDevice;
  readonly ring: BufferRing;
  readonly sums: BlockSums;
  readonly journal: CopyJournal;
  readonly goodPlaces: GoodPlaces;
  readonly badPlaces: BadPlaces;
}

/** What an earlier attempt knew of the disk. */
export interface ToProve {
  readonly blocks: readonly BlockToProve[];
  readonly landmarks: readonly Landmark[];
}

/**
 * Reads again some of what the store holds, and of what waits here until its block is whole: the disk must
 * still say the same. What has become unreadable proves nothing, and harms nothing: somebody has it. A
 * block of which the journal knew no MD5 gets it now.
 *
 * Gives the blocks that differ though nobody vouches for them: of a disk that told rubbish before its
 * attempt ended. Throws `disk-content-changed`, and `disk-read-failed` when nothing of it can be read.
 */
export async function proveContent(
  { blocks, landmarks }: ToProve,
  parts: ProofParts,
  signal: AbortSignal,
): Promise<readonly PlacedBlock[]> {
  throwIfCancelled(signal);
  const proof = new Proof(parts, await parts.ring.acquire(signal));
  try {
    for (const landmark of landmarks) await proof.of(() => proof.landmark(landmark));
    for (const block of blocks) await proof.of(() => proof.block(block));
    for (const at of sampled([...parts.badPlaces.scratch.blocks.keys()])) await proof.kept(at);
    proof.end();
    return proof.differing;
  } finally {
    proof.close();
  }
}

class Proof {
  readonly differing: PlacedBlock[] = [];
  readonly #parts: ProofParts;
  readonly #slot: Slot;
  #proved = 0;
  #failure: unknown;

  constructor(parts: ProofParts, slot: Slot) {
    this.#parts = parts;
    this.#slot = slot;
  }

  /** One place; one that does not read counts only when no other does. */
  async of(prove: () => Promise<void>): Promise<void> {
    try {
      await prove();
      this.#proved++;
    } catch (error) {
      if (!isStationError(error, 'disk-read-failed')) throw error;
      this.#failure = error;
    }
  }

  end(): void {
    if (this.#proved === 0 && this.#failure !== undefined) throw this.#failure;
  }

  close(): void {
    this.#parts.ring.release(this.#slot);
  }

  async landmark({ offsetBytes, sha256 }: Landmark): Promise<void> {
    const { device, goodPlaces } = this.#parts;
    const page = this.#slot.buffer.subarray(0, LANDMARK_BYTES);
    await device.readInto(page, offsetBytes);
    if (landmarkDigest(page) !== sha256) throw placeChanged(device, offsetBytes);
    goodPlaces.remember(offsetBytes, page);
  }

  async block({ blob, block, isSure }: BlockToProve): Promise<void> {
    const { device, sums, journal, goodPlaces } = this.#parts;
    const { index, id, sha256 } = block;
    const bytes = await readBlock(device, { blob, index }, this.#slot);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
      if (isSure) throw contentChanged(device, blob, index);
      this.differing.push({ blob, block });
      return;
    }
    goodPlaces.remember(placeOf(blob, index).offsetBytes, bytes);
    if (sums.get(blob, index) !== undefined) return;
    const md5 = createHash('md5').update(bytes).digest('hex');
    sums.set(blob, index, md5);
    await journal.append({ kind: 'staged', blob: blob.name, index, id, md5 });
  }

  /**
   * The beginnings of the first and the last piece that is kept of a block which is not whole. That they do
   * not read any more is no wonder beside a bad place, and what another disk would hardly do.
   */
  async kept(at: number): Promise<void> {
    const { device, badPlaces } = this.#parts;
    const { buffer } = this.#slot;
    const pieces = await badPlaces.scratch.readInto(at, buffer);
    const ends = new Set([pieces.at(0), pieces.at(-1)].filter((piece) => piece !== undefined));
    const kept = [...ends].map(({ offsetBytes, lengthBytes }) => {
      const end = offsetBytes + Math.min(lengthBytes, LANDMARK_BYTES);
      return {
        offsetBytes: at + offsetBytes,
        bytes: Buffer.from(buffer.subarray(offsetBytes, end)),
      };
    });
    for (const { offsetBytes, bytes } of kept) {
      const page = buffer.subarray(0, bytes.length);
      if (!(await reads(device, page, offsetBytes))) continue;
      if (!page.equals(bytes)) throw placeChanged(device, offsetBytes);
      this.#proved++;
    }
  }
}

async function reads(device: SourceDevice, bytes: Buffer, offsetBytes: number): Promise<boolean> {
  try {
    await device.readInto(bytes, offsetBytes);
    return true;
  } catch (error) {
    if (isStationError(error, 'disk-read-failed')) return false;
    throw error;
  }
}

/** So many at most, from all over. */
function sampled(all: readonly number[]): readonly number[] {
  const step = Math.max(1, Math.ceil(all.length / RESUME_SAMPLES));
  return all.filter((_, index) => index % step === 0);
}

function placeChanged(
  device: SourceDevice,
  offsetBytes: number,
): StationError<'disk-content-changed'> {
  const { devicePath } = device;
  const words = `${devicePath} does not hold at byte ${offsetBytes} what was copied from there`;
  return new StationError('disk-content-changed', words, { devicePath, offsetBytes });
}
