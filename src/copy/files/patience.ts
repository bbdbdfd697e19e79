import type { Extent } from '../../domain/plan.ts';
import { RescueMap } from '../../domain/rescue/map.ts';
import { CACHED_PASSES } from '../../domain/rescue/passes.ts';
import { Rescue, type RescueRules } from '../../domain/rescue/rescue.ts';
import { isStationError, throwIfCancelled } from '../../errors.ts';
import {
  FILE_PAGE_BYTES,
  RESCUE_AREA_MS,
  RESCUE_AREAS_MAX,
  RESCUE_CLUSTER_BYTES,
  RESCUE_DEAD_RUN_BYTES,
  RESCUE_PASS_MS,
  RESCUE_RETRIES,
} from '../../limits.ts';
import type { OpenFile } from './drive.ts';

/** A stretch of a file and where its bytes go. */
export interface Stretch {
  readonly file: Pick<OpenFile, 'read' | 'forget'>;
  /** In the file. */
  readonly offsetBytes: number;
  /** As long as the stretch. */
  readonly buffer: Buffer;
}

/**
 * Reads files where the disk under them has bad places, much as an image is read: in clusters, then what
 * failed page by page, then again, and never past the drive's time. The smallest read is a page:
 * filesystems read no less, whatever is asked of them.
 */
export class Patience {
  readonly #budgetMs: number;
  #spentMs = 0;
  #unreadableBytes = 0;

  /** @param budgetMs time for the bad places of all files of the drive, in milliseconds. */
  constructor(budgetMs: number) {
    this.#budgetMs = budgetMs;
  }

  /** Bytes that were given up so far. */
  get unreadableBytes(): number {
    return this.#unreadableBytes;
  }

  /**
   * Fills the buffer as far as the disk gives it. Gives the extents of the file that it did not, in
   * order; throws what reading a file of a drive that left throws, and `cancelled`.
   */
  async fill(stretch: Stretch, signal: AbortSignal): Promise<readonly Extent[]> {
    const { buffer, offsetBytes } = stretch;
    if (buffer.length === 0) return [];
    const map = new RescueMap(buffer.length);
    const isWhole = await this.#fillUntilError(stretch, map, signal);
    if (!isWhole) await this.#rescue(stretch, map, signal);
    const lost = lostIn(map, offsetBytes);
    for (const { lengthBytes } of lost) this.#unreadableBytes += lengthBytes;
    return lost;
  }

  async #fillUntilError(stretch: Stretch, map: RescueMap, signal: AbortSignal): Promise<boolean> {
    for (let done = 0; done < map.sizeBytes; done += RESCUE_CLUSTER_BYTES) {
      const lengthBytes = Math.min(RESCUE_CLUSTER_BYTES, map.sizeBytes - done);
      const piece = { offsetBytes: done, lengthBytes };
      const begun = performance.now();
      const ok = await reads(stretch, piece, signal);
      map.mark(piece, ok ? 'finished' : 'non-trimmed');
      if (ok) continue;
      this.#spentMs += performance.now() - begun;
      return false;
    }
    return true;
  }

  async #rescue(stretch: Stretch, map: RescueMap, signal: AbortSignal): Promise<void> {
    await stretch.file.forget();
    const rescue = new Rescue(this.#rules(), map);
    for (let read = rescue.next(); read !== undefined; read = rescue.next()) {
      const begun = performance.now();
      const ok = await reads(stretch, read, signal);
      const elapsedMs = performance.now() - begun;
      this.#spentMs += elapsedMs;
      rescue.record(read, { ok, elapsedMs });
    }
  }

  #rules(): RescueRules {
    const drive = this.#budgetMs - this.#spentMs;
    return {
      unitBytes: {
        cluster: RESCUE_CLUSTER_BYTES,
        physicalSector: FILE_PAGE_BYTES,
        logicalSector: FILE_PAGE_BYTES,
      },
      passes: CACHED_PASSES,
      retries: RESCUE_RETRIES,
      deadRunBytes: RESCUE_DEAD_RUN_BYTES,
      budgetMs: { area: RESCUE_AREA_MS, pass: RESCUE_PASS_MS, drive },
      maxAreas: RESCUE_AREAS_MAX,
    };
  }
}

async function reads(
  { file, offsetBytes, buffer }: Stretch,
  piece: Extent,
  signal: AbortSignal,
): Promise<boolean> {
  throwIfCancelled(signal);
  const bytes = buffer.subarray(piece.offsetBytes, piece.offsetBytes + piece.lengthBytes);
  try {
    for (let done = 0; done < bytes.length; ) {
      const at = offsetBytes + piece.offsetBytes + done;
      const length = await file.read(bytes.subarray(done), at, bytes.length - done);
      if (length === 0) return false;
      done += length;
    }
    return true;
  } catch (error) {
    if (isStationError(error, 'file-read-failed')) return false;
    throw error;
  }
}

/** What was not read, neighbours as one, at its place in the file. */
function lostIn(map: RescueMap, offsetBytes: number): Extent[] {
  const lost: Extent[] = [];
  for (const area of map.areas()) {
    if (area.status === 'finished') continue;
    const at = offsetBytes + area.offsetBytes;
    const last = lost.at(-1);
    if (last !== undefined && last.offsetBytes + last.lengthBytes === at) {
      lost[lost.length - 1] = { ...last, lengthBytes: last.lengthBytes + area.lengthBytes };
    } else lost.push({ offsetBytes: at, lengthBytes: area.lengthBytes });
  }
  return lost;
}
