import { createHash } from 'node:crypto';
import { isStationError, throwIfCancelled } from '../errors.ts';
import { RESUME_SAMPLES } from '../limits.ts';
import type { BadPlaces } from './bad-places.ts';
import type { BlockSums } from './block-sums.ts';
import { badPlace, contentChanged, placeChanged } from './disk-errors.ts';
import type { GoodPlaces } from './good-places.ts';
import type { CopyJournal, Landmark } from './journal.ts';
import { isBlank, LANDMARK_BYTES, landmarkDigest } from './landmarks.ts';
import type { NotedReads } from './noted-reads.ts';
import { readsSomewhere } from './places-all-over.ts';
import type { PlannedBlock } from './planned-block.ts';
import type { BufferRing, Slot } from './ring.ts';
import type { BlockToProve } from './survey.ts';

export interface ProofParts {
  readonly reads: NotedReads;
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
  /** Its journal says already that the disk told rubbish. */
  readonly hasLied: boolean;
}

/** Blocks that the store holds, that nobody vouches for, and that are not believed. */
export interface Rubbish {
  /** They are not what the disk holds. */
  readonly differing: readonly PlannedBlock[];
  /** They do not read again. */
  readonly unread: readonly PlannedBlock[];
}

/**
 * Reads again some of what the store holds, and of what waits here until its block is whole: the disk must
 * still say the same. What has become unreadable proves nothing, and harms nothing where a check once
 * vouched for it: somebody has it. Where the disk once hung it is not read. A block of which the journal
 * knew no MD5 gets it now.
 *
 * Gives the blocks that nobody vouches for and that are not what the disk holds, or do not read: of a disk
 * that told rubbish before its attempt ended, perhaps. An area that goes bad may give rubbish before errors.
 *
 * Throws `disk-content-changed`, also when nobody vouches for anything and nothing agrees: it is another
 * disk then. Throws `disk-read-failed` when there is nothing to compare because the disk hung there, or
 * because nothing of it can be read; and `cancelled`.
 */
export async function proveContent(
  { blocks, landmarks, hasLied }: ToProve,
  parts: ProofParts,
  signal: AbortSignal,
): Promise<Rubbish> {
  throwIfCancelled(signal);
  const proof = new Proof(parts, await parts.ring.acquire(signal));
  const kept = sampled([...parts.badPlaces.scratch.blocks.keys()]);
  try {
    for (const landmark of landmarks) await proof.landmark(landmark, signal);
    for (const block of blocks) await proof.block(block, signal);
    for (const at of kept) await proof.kept(at, signal);
    return await proof.end(hasLied);
  } finally {
    proof.close();
  }
}

class Proof {
  readonly #parts: ProofParts;
  readonly #slot: Slot;
  readonly #differing: PlannedBlock[] = [];
  readonly #unread: PlannedBlock[] = [];
  #proved = 0;
  /** Something agrees that is not the same byte all over, as it is on many disks. */
  #isKnownAgain = false;
  #failure: unknown;
  /** A place was asked for and did not read. */
  #isWorn = false;

  constructor(parts: ProofParts, slot: Slot) {
    this.#parts = parts;
    this.#slot = slot;
  }

  async end(hasLied: boolean): Promise<Rubbish> {
    const [first] = this.#differing;
    if (first !== undefined && !this.#isKnownAgain && !hasLied) {
      throw contentChanged(this.#parts.reads, first.blob, first.index);
    }
    if (this.#isWorn) this.#parts.goodPlaces.suspect();
    const isCompared = this.#proved > 0 || first !== undefined;
    if (!isCompared && this.#failure !== undefined) await this.#requireWorn(this.#failure);
    return { differing: this.#differing, unread: this.#unread };
  }

  /** That just those places do not read of all is what another disk would hardly do. */
  async #requireWorn(failure: unknown): Promise<void> {
    if (!this.#isWorn || !(await readsSomewhere(this.#parts))) throw failure;
  }

  close(): void {
    this.#parts.ring.release(this.#slot);
  }

  async landmark(landmark: Landmark, signal: AbortSignal): Promise<void> {
    const { reads, goodPlaces, badPlaces } = this.#parts;
    const { offsetBytes, sha256, isUnchecked } = landmark;
    const page = this.#slot.buffer.subarray(0, LANDMARK_BYTES);
    const isSure = isUnchecked !== true;
    if (!(await this.#reads(page, offsetBytes, signal))) {
      if (!isSure) this.#unread.push(badPlaces.blockAt(offsetBytes));
      return;
    }
    if (landmarkDigest(page) === sha256) {
      this.#agrees(page);
      goodPlaces.remember(offsetBytes, page);
    } else if (!isSure) this.#differing.push(badPlaces.blockAt(offsetBytes));
    else throw placeChanged(reads, offsetBytes);
  }

  async block(block: BlockToProve, signal: AbortSignal): Promise<void> {
    const { reads, goodPlaces } = this.#parts;
    const { blob, index, held, isSure } = block;
    const { offsetBytes, lengthBytes } = block.extent;
    const bytes = this.#slot.buffer.subarray(0, lengthBytes);
    if (!(await this.#reads(bytes, offsetBytes, signal))) {
      if (!isSure) this.#unread.push(block);
      return;
    }
    if (createHash('sha256').update(bytes).digest('hex') === held.sha256) {
      this.#agrees(bytes);
      goodPlaces.remember(offsetBytes, bytes);
      await this.#giveSum(block, bytes);
    } else if (isSure) throw contentChanged(reads, blob, index);
    else this.#differing.push(block);
  }

  async #giveSum({ blob, index, held: { id } }: BlockToProve, bytes: Buffer): Promise<void> {
    const { sums, journal } = this.#parts;
    if (sums.get(blob, index) !== undefined) return;
    const md5 = createHash('md5').update(bytes).digest('hex');
    sums.set(blob, index, md5);
    await journal.append({ kind: 'staged', blob: blob.name, index, id, md5 });
  }

  /**
   * The beginnings of the first and the last piece that is kept of a block which is not whole. That they do
   * not read any more is no wonder beside a bad place, and what another disk would hardly do.
   */
  async kept(at: number, signal: AbortSignal): Promise<void> {
    const { reads, badPlaces } = this.#parts;
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
      const place = { offsetBytes, lengthBytes: page.length };
      const failure = await this.#failureAt(page, offsetBytes, signal);
      if (failure !== undefined) {
        // That was not tried, and says nothing of the disk.
        if (badPlaces.isHungIn(place)) this.#failure = failure;
        continue;
      }
      if (!page.equals(bytes)) throw placeChanged(reads, offsetBytes);
      this.#agrees(page);
    }
  }

  #agrees(bytes: Buffer): void {
    this.#proved++;
    this.#isKnownAgain ||= !isBlank(bytes);
  }

  /** Whether a place reads; one that does not counts only when no other does. */
  async #reads(bytes: Buffer, offsetBytes: number, signal: AbortSignal): Promise<boolean> {
    const failure = await this.#failureAt(bytes, offsetBytes, signal);
    if (failure !== undefined) this.#failure = failure;
    return failure === undefined;
  }

  async #failureAt(bytes: Buffer, offsetBytes: number, signal: AbortSignal): Promise<unknown> {
    throwIfCancelled(signal);
    const { reads, badPlaces } = this.#parts;
    const lengthBytes = bytes.length;
    if (badPlaces.isHungIn({ offsetBytes, lengthBytes })) {
      const why = { errno: 'no answer before', lengthBytes, cause: undefined };
      return badPlace(reads.devicePath, offsetBytes, why);
    }
    try {
      await reads.readInto(bytes, offsetBytes);
      return undefined;
    } catch (error) {
      if (!isStationError(error, 'disk-read-failed')) throw error;
      this.#isWorn = true;
      return error;
    }
  }
}

/** So many at most, from all over. */
function sampled(all: readonly number[]): readonly number[] {
  const step = Math.max(1, Math.ceil(all.length / RESUME_SAMPLES));
  return all.filter((_, index) => index % step === 0);
}
