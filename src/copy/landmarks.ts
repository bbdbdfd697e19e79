import { createHash } from 'node:crypto';
import type { Extent } from '../domain/plan.ts';
import { LANDMARKS } from '../limits.ts';
import type { Landmark } from './journal.ts';

/** One read of any disk, whatever its sectors. */
export const LANDMARK_BYTES = 4096;
/** So many pages of a block are looked at for one that is not the same byte all over. */
const PAGES_LOOKED_AT = 16;

/**
 * The places by which the disk of a copy is known again, all over it: small, so that one that has got bad
 * sectors since still has most of them, and digested from what the store has taken.
 */
export class Landmarks {
  readonly known: Landmark[];
  readonly #strideBytes: number;
  readonly #strides: Set<number>;

  /** @param known what the journal of the earlier attempt has, in the order of their finding. */
  constructor(known: readonly Landmark[], sizeBytes: number) {
    this.known = [...known];
    this.#strideBytes = Math.ceil(sizeBytes / LANDMARKS);
    this.#strides = new Set(known.map(({ offsetBytes }) => this.#strideOf(offsetBytes)));
  }

  /** The landmark that a part of the disk gives, where none is known yet; not of an empty page if it can. */
  of({ offsetBytes }: Extent, bytes: Buffer): Landmark | undefined {
    const stride = this.#strideOf(offsetBytes);
    if (this.#strides.has(stride)) return undefined;
    const pages = Math.min(Math.floor(bytes.length / LANDMARK_BYTES), PAGES_LOOKED_AT);
    if (pages === 0) return undefined;
    this.#strides.add(stride);
    const starts = Array.from({ length: pages }, (_, page) => page * LANDMARK_BYTES);
    const at = starts.find((start) => !isBlank(pageAt(bytes, start))) ?? 0;
    const sha256 = landmarkDigest(pageAt(bytes, at));
    const landmark = { kind: 'landmark', offsetBytes: offsetBytes + at, sha256 } as const;
    this.known.push(landmark);
    return landmark;
  }

  #strideOf(offsetBytes: number): number {
    return Math.floor(offsetBytes / this.#strideBytes);
  }
}

export function landmarkDigest(page: Buffer): string {
  return createHash('sha256').update(page).digest('hex').slice(0, 32);
}

function pageAt(bytes: Buffer, start: number): Buffer {
  return bytes.subarray(start, start + LANDMARK_BYTES);
}

/** It proves little: many disks have such a page at any place. */
export function isBlank(page: Buffer): boolean {
  return page.subarray(1).equals(page.subarray(0, -1));
}
