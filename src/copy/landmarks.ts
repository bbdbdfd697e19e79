import { createHash } from 'node:crypto';
import type { Extent } from '../domain/plan.ts';
import { endOf } from '../domain/rescue/map.ts';
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

  /**
   * The landmark that a part of the disk gives, where none is known yet; not of an empty page if it can.
   * The first part gives two, so that one bad sector does not take all that the disk is known by.
   */
  of({ offsetBytes }: Extent, bytes: Buffer): readonly Landmark[] {
    const stride = this.#strideOf(offsetBytes);
    const pages = Math.floor(bytes.length / LANDMARK_BYTES);
    if (this.#strides.has(stride) || pages === 0) return [];
    this.#strides.add(stride);
    const looked = Array.from({ length: Math.min(pages, PAGES_LOOKED_AT) }, (_, page) => page);
    const first = tellingPage(bytes, looked);
    const last = tellingPage(
      bytes,
      looked.map((page) => pages - 1 - page),
    );
    const found = [...new Set(this.known.length === 0 ? [first, last] : [first])].map((at) => ({
      ...{ kind: 'landmark' as const, offsetBytes: offsetBytes + at },
      sha256: landmarkDigest(pageAt(bytes, at)),
    }));
    this.known.push(...found);
    return found;
  }

  /** What was read there was rubbish. */
  forget(place: Extent): void {
    for (const landmark of [...this.known].filter(({ offsetBytes }) => isIn(place, offsetBytes))) {
      this.known.splice(this.known.indexOf(landmark), 1);
      this.#strides.delete(this.#strideOf(landmark.offsetBytes));
    }
  }

  #strideOf(offsetBytes: number): number {
    return Math.floor(offsetBytes / this.#strideBytes);
  }
}

function isIn(place: Extent, offsetBytes: number): boolean {
  return offsetBytes >= place.offsetBytes && offsetBytes < endOf(place);
}

export function landmarkDigest(page: Buffer): string {
  return createHash('sha256').update(page).digest('hex').slice(0, 32);
}

/** Where the first of these pages begins that is not the same byte all over, or the first one. */
function tellingPage(bytes: Buffer, pages: readonly number[]): number {
  const starts = pages.map((page) => page * LANDMARK_BYTES);
  return starts.find((start) => !isBlank(pageAt(bytes, start))) ?? starts[0] ?? 0;
}

function pageAt(bytes: Buffer, start: number): Buffer {
  return bytes.subarray(start, start + LANDMARK_BYTES);
}

/** It proves little: many disks have such a page at any place. */
export function isBlank(page: Buffer): boolean {
  return page.subarray(1).equals(page.subarray(0, -1));
}
