import type { Admission } from '../domain/admission.ts';
import { type AttachedDisk, type DiskHealth, type DiskKey, diskKey } from '../domain/disk.ts';

/** What one scan says of one disk. */
export interface Sighting {
  readonly disk: Omit<AttachedDisk, 'key' | 'health' | 'admission'>;
  /** More evidence is on its way: too early to admit the disk. */
  readonly incomplete: boolean;
}

type Learned = Partial<Pick<AttachedDisk, 'health' | 'admission'>>;

interface Attachment {
  /** As it is published; `undefined` until the disk has settled. */
  readonly admitted?: AttachedDisk;
  /** How the disk looked when it was admitted. */
  readonly admittedMark?: string;
  /** How it looks now, and since when. */
  readonly mark: string;
  readonly sinceMs: number;
  readonly incomplete: boolean;
}

/**
 * The debounce between sightings and facts. A disk is admitted when it has looked the same for
 * `settleMs`; it is dropped at once when it is not seen, and when its size changes it is another one.
 * An admitted disk that begins to call itself something else keeps its admitted identity until the
 * new one has settled too; who uses it and whether it is read-only is always said at once.
 */
export class Attachments {
  readonly #settleMs: number;
  /** What was learned of a disk beside what scans say. */
  readonly #learned = new Map<DiskKey, Learned>();
  #attachments = new Map<string, Attachment>();

  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /** Takes one complete scan; answers when the next disk is due to settle, in milliseconds. */
  update(sightings: readonly Sighting[], nowMs: number): number | undefined {
    const next = new Map<string, Attachment>();
    for (const sighting of sightings) {
      const id = `${sighting.disk.devicePath}#${sighting.disk.diskseq}`;
      next.set(id, this.#advance(this.#attachments.get(id), sighting, nowMs));
    }
    this.#attachments = next;
    const present = new Set(this.disks().map((disk) => disk.key));
    for (const key of this.#learned.keys()) if (!present.has(key)) this.#learned.delete(key);
    const due = [...next.values()].filter(isSettling).map((item) => item.sinceMs + this.#settleMs);
    return due.length === 0 ? undefined : Math.max(0, Math.min(...due) - nowMs);
  }

  /** The admitted disks, in the order of their keys. */
  disks(): readonly AttachedDisk[] {
    const admitted = [...this.#attachments.values()].flatMap(({ admitted: disk }) => disk ?? []);
    const known = admitted.map((disk) => ({ ...disk, ...this.#learned.get(disk.key) }));
    return known.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Remembers a disk's health while it is attached; `false` when it is not. */
  noteHealth(key: DiskKey, health: DiskHealth): boolean {
    return this.#note(key, { health });
  }

  /** As `noteHealth`, of what was set before its copy. */
  noteAdmission(key: DiskKey, admission: Admission): boolean {
    return this.#note(key, { admission });
  }

  #note(key: DiskKey, learned: Learned): boolean {
    const present = this.disks().some((disk) => disk.key === key);
    if (present) this.#learned.set(key, { ...this.#learned.get(key), ...learned });
    return present;
  }

  #advance(before: Attachment | undefined, sighting: Sighting, nowMs: number): Attachment {
    const { disk, incomplete } = sighting;
    const mark = markOf(disk);
    const sinceMs = before?.mark === mark ? before.sinceMs : nowMs;
    const seen = { mark, sinceMs, incomplete };
    const admitted = before?.admitted?.sizeBytes === disk.sizeBytes ? before.admitted : undefined;
    if (!incomplete && nowMs - sinceMs >= this.#settleMs) {
      return { ...seen, admitted: admit(disk, admitted), admittedMark: mark };
    }
    if (admitted === undefined) return seen;
    return { ...seen, admitted: refresh(disk, admitted), ...admittedMarkOf(before) };
  }
}

/** A disk that waits for evidence has no due time: the evidence causes the next scan. */
function isSettling({ mark, admittedMark, incomplete }: Attachment): boolean {
  return !incomplete && mark !== admittedMark;
}

/** What has to stay the same for a disk to settle. */
function markOf(disk: Sighting['disk']): string {
  const { physicalPath, sizeBytes, identity, transport, exclusion } = disk;
  const { logicalSectorBytes, physicalSectorBytes } = disk;
  const sectors = [logicalSectorBytes, physicalSectorBytes];
  return JSON.stringify([physicalPath, sizeBytes, identity, transport, exclusion, sectors]);
}

function admittedMarkOf(before: Attachment | undefined): Pick<Attachment, 'admittedMark'> {
  return before?.admittedMark === undefined ? {} : { admittedMark: before.admittedMark };
}

/** The place is settled once: udev may name it later in other words, but the disk did not move. */
function admit(disk: Sighting['disk'], admitted: AttachedDisk | undefined): AttachedDisk {
  const { physicalPath, bay } = admitted ?? disk;
  const key = diskKey(physicalPath, disk.diskseq);
  return { ...disk, key, physicalPath, bay, health: { status: 'unknown' } };
}

function refresh(disk: Sighting['disk'], admitted: AttachedDisk): AttachedDisk {
  const { ownUses, kernelReadOnly, devicePath } = disk;
  return { ...admitted, ownUses, kernelReadOnly, devicePath };
}
