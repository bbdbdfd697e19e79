import { z } from 'zod';
import type { DiskDetector } from '../detect/contract.ts';
import { type Drive, type DriveRef, driveKey } from '../domain/job.ts';
import type { Ledger } from '../ledger/contract.ts';
import { driveEntity } from '../ledger/entities.ts';
import type { Floor } from './floor.ts';

export interface MissingDiskSources {
  readonly floor: Floor;
  readonly ledger: Pick<Ledger, 'lastEvent' | 'note'>;
  readonly detector: Pick<DiskDetector, 'facts'>;
  now(): Date;
}

const NOTED = 'disk-missing';
const noted = z.object({ since: z.string() });

/** Which drives in mid-copy have their disks plugged in nowhere. */
export class MissingDisks {
  readonly #sources: MissingDiskSources;
  #since: ReadonlyMap<string, string> = new Map();
  /** Drives whose disks were plugged in since the station started. */
  readonly #seen = new Set<string>();

  constructor(sources: MissingDiskSources) {
    this.#sources = sources;
  }

  /**
   * Since when, by the keys of the drives: from the moment at which a disk was seen to leave, or else
   * from the first look that missed it, also when that was before the station started anew. Where nothing is
   * known, it stays as it was.
   */
  async look(drives: readonly Drive[]): Promise<ReadonlyMap<string, string>> {
    const at = this.#sources.now().toISOString();
    const missing = new Map<string, string>();
    for (const drive of drives) {
      if (!this.#isMissing(drive)) continue;
      missing.set(driveKey(drive.ref), await this.#sinceOf(drive.ref, at));
    }
    this.#since = missing;
    return missing;
  }

  #isMissing({ ref, state }: Drive): boolean {
    if (state.name !== 'Transferring') return false;
    const { floor, detector } = this.#sources;
    const { kind } = floor.whereIs(ref, detector.facts());
    if (kind === 'plugged-in') this.#seen.add(driveKey(ref));
    return kind === 'nowhere' || (kind === 'unknown' && this.#since.has(driveKey(ref)));
  }

  /** Written down when it begins: the floor forgets it with the process. */
  async #sinceOf(ref: DriveRef, at: string): Promise<string> {
    const { floor, ledger } = this.#sources;
    const key = driveKey(ref);
    const left = floor.detachedSince(ref);
    if (left !== undefined && left === this.#since.get(key)) return left;
    const before = await this.#notedOf(ref);
    const since = left ?? (this.#seen.has(key) ? undefined : before) ?? at;
    floor.detached(ref, since);
    if (since !== before) await ledger.note(driveEntity(ref), NOTED, { since }, 'station');
    return since;
  }

  /** Only while it is the newest of the drive: an attempt after it says that its disk was back. */
  async #notedOf(ref: DriveRef): Promise<string | undefined> {
    const last = await this.#sources.ledger.lastEvent(driveEntity(ref));
    return last?.type === NOTED ? noted.safeParse(last.data).data?.since : undefined;
  }
}
