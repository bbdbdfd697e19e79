import type { DiskDetector } from '../detect/contract.ts';
import { type Drive, driveKey } from '../domain/job.ts';
import type { Floor } from './floor.ts';

export interface MissingDiskSources {
  readonly floor: Floor;
  readonly detector: Pick<DiskDetector, 'facts'>;
  now(): Date;
}

/** Which drives in mid-copy have their disks plugged in nowhere. */
export class MissingDisks {
  readonly #sources: MissingDiskSources;
  #since: ReadonlyMap<string, string> = new Map();

  constructor(sources: MissingDiskSources) {
    this.#sources = sources;
  }

  /**
   * Since when, by the keys of the drives: from the moment at which a disk was seen to leave, or else
   * from the first look that missed it. Where nothing is known, it stays as it was.
   */
  look(drives: readonly Drive[]): ReadonlyMap<string, string> {
    const { floor, now } = this.#sources;
    const at = now().toISOString();
    const missing = drives.filter((drive) => this.#isMissing(drive));
    for (const { ref } of missing) floor.detached(ref, at);
    this.#since = new Map(
      missing.map(({ ref }) => [driveKey(ref), floor.detachedSince(ref) ?? at] as const),
    );
    return this.#since;
  }

  #isMissing({ ref, state }: Drive): boolean {
    if (state.name !== 'Transferring') return false;
    const { floor, detector } = this.#sources;
    const { kind } = floor.whereIs(ref, detector.facts());
    return kind === 'nowhere' || (kind === 'unknown' && this.#since.has(driveKey(ref)));
  }
}
