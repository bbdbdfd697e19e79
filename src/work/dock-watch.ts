import type { DiskDetector } from '../detect/contract.ts';
import type { ErrorCounts } from '../detect/error-counts.ts';
import type { AttachedDisk, DiskKey } from '../domain/disk.ts';
import {
  type Dock,
  type DockLimits,
  dockOf,
  evidenceName,
  placeKey,
  samePlace,
} from '../domain/dock.ts';
import { kernelSignOf } from '../domain/dock-signs.ts';
import { kernelSpeaksOf } from '../domain/kernel-words.ts';
import { messageOf } from '../errors.ts';
import type { KernelRecords } from '../kernel-records.ts';
import type { Ledger } from '../ledger/contract.ts';
import { DOCK_BACK_MS, DOCK_LOOK_MS, DOCK_NAMES_KEPT_MS, REPLUG_EXPECTED_MS } from '../limits.ts';
import { Noticed } from './dock-noticed.ts';
import type { Floor, WorkItem } from './floor.ts';

export interface DockWatchOptions extends DockLimits {
  /** A disk that comes becomes a fact after this time. */
  readonly settleMs: number;
}

export interface DockWatchDependencies {
  readonly ledger: Pick<Ledger, 'docks'>;
  readonly detector: Pick<DiskDetector, 'facts' | 'onChange'>;
  readonly floor: Pick<Floor, 'working'>;
  /** The kernel's log from now on; `undefined` where it may not be read. */
  readonly records: Pick<KernelRecords, 'fresh'> | undefined;
  readonly errorCounts: (devicePath: string) => Promise<ErrorCounts>;
  readonly logger: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
  /** Microseconds since boot. */
  bootUs(): number;
}

/** Something is known of this dock that was not known before; without one, of some dock. */
export type DockListener = (dock: Dock | undefined) => Promise<void>;

/** A disk that is or was here a moment ago, with the names under which the kernel speaks of it. */
interface Known {
  readonly disk: AttachedDisk;
  names: readonly string[];
  goneAtMs: number | undefined;
  /** It was being read when it went, and nobody here took it away. */
  leftInMidCopy: boolean;
}

interface Counted {
  readonly errors: number;
  readonly timeOuts: number;
  readonly failedReads: number;
}

/** While it does one of these, a copy reads its disk now and then, and a pull is no good end. */
const AT_WORK: ReadonlySet<WorkItem['activity']['kind']> = new Set([
  ...(['starting', 'copying', 'rescuing', 'slow-storage', 'waiting-for-storage'] as const),
  'waiting-for-commit',
]);

/**
 * Looks each second for signs that something between the machine and its disks does not hold: in the
 * kernel's log, in the error counters of disks that are being copied, and in disks that leave in mid-copy
 * and are back at once. What it finds is in the ledger; here is only what was seen last.
 */
export class DockWatch {
  readonly #options: DockWatchOptions;
  readonly #deps: DockWatchDependencies;
  readonly #known = new Map<DiskKey, Known>();
  readonly #counted = new Map<DiskKey, Counted>();
  readonly #mediumErrors = new Map<DiskKey, number>();
  /** Disks that the station itself takes away, and until when it may be its doing that they leave. */
  readonly #ownReplugs = new Map<DiskKey, number>();
  readonly #sinceUs: number;
  readonly #noticed = new Noticed();
  readonly #arrived: AttachedDisk[] = [];
  #onChange: DockListener = () => Promise.resolve();
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #unsubscribe: () => void;

  constructor(options: DockWatchOptions, dependencies: DockWatchDependencies) {
    this.#options = options;
    this.#deps = dependencies;
    this.#sinceUs = dependencies.bootUs();
    this.#noteFacts();
    this.#unsubscribe = dependencies.detector.onChange(() => this.#noteFacts());
  }

  start(onChange: DockListener): void {
    this.#onChange = onChange;
    this.#timer = setInterval(() => void this.look(), DOCK_LOOK_MS);
  }

  /**
   * The station takes this disk away now: that it leaves within `REPLUG_EXPECTED_MS`, and comes, is no sign.
   * What is given back is called when it was not taken away.
   */
  expectReplug({ key }: AttachedDisk): () => void {
    this.#ownReplugs.set(key, this.#nowMs() + REPLUG_EXPECTED_MS);
    return () => void this.#ownReplugs.delete(key);
  }

  /** One look; of two at once the second is the first. What the ledger does not hold is kept. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#unsubscribe();
    await this.#looking;
  }

  async #look(): Promise<void> {
    try {
      await this.#readKernel();
      await this.#readCounters();
      this.#forgetGone();
      await this.#tell();
    } catch (error) {
      this.#deps.logger.warn({ reason: messageOf(error) }, 'signs of docks could not be kept');
    }
  }

  /** What came and what went; it runs within the change of the facts, so work is as it was before. */
  #noteFacts(): void {
    const facts = this.#deps.detector.facts();
    if (!facts.known) return;
    const present = new Map(facts.disks.map((disk) => [disk.key, disk]));
    for (const [key, known] of this.#known) {
      if (known.goneAtMs === undefined && !present.has(key)) this.#noteGone(known);
    }
    for (const disk of present.values()) {
      const isOurs = disk.exclusion !== undefined || disk.ownUses.length > 0;
      if (isOurs || this.#known.has(disk.key)) continue;
      this.#noteBack(disk);
      const names = disk.link?.kernelNames ?? [disk.devicePath.replace(/^.*\//u, '')];
      this.#takeNames(names);
      this.#known.set(disk.key, { disk, names, goneAtMs: undefined, leftInMidCopy: false });
      this.#arrived.push(disk);
    }
  }

  /** The kernel gives a name again as soon as it is free: it is of the one that has it. */
  #takeNames(names: readonly string[]): void {
    for (const known of this.#known.values()) {
      if (known.goneAtMs === undefined) continue;
      known.names = known.names.filter((name) => !names.includes(name));
    }
  }

  #noteGone(known: Known): void {
    const nowMs = this.#nowMs();
    const isOwnReplug = nowMs <= (this.#ownReplugs.get(known.disk.key) ?? 0);
    this.#ownReplugs.delete(known.disk.key);
    known.goneAtMs = nowMs;
    known.leftInMidCopy = this.#isAtWork(known.disk) && !isOwnReplug;
  }

  /** The same disk in the same place, sooner than a person pulls a disk and puts it back. */
  #noteBack(disk: AttachedDisk): void {
    const place = dockOf(disk);
    const soonMs = this.#nowMs() - DOCK_BACK_MS - this.#options.settleMs;
    const left = this.#known
      .values()
      .find(
        ({ disk: other, goneAtMs = 0, leftInMidCopy }) =>
          leftInMidCopy &&
          goneAtMs >= soonMs &&
          samePlace(dockOf(other), place) &&
          isSameDisk(other, disk),
      );
    if (left === undefined) return;
    left.leftInMidCopy = false;
    this.#noticed.add(place, { kind: 'drop', disk: evidenceName(disk), count: 1 });
  }

  async #readKernel(): Promise<void> {
    const { records } = this.#deps;
    if (records === undefined) return;
    for await (const { atUs, words } of records.fresh()) {
      const kind = atUs < this.#sinceUs ? undefined : kernelSignOf(words);
      if (kind === undefined) continue;
      const about = this.#known.values().filter(({ names }) => kernelSpeaksOf(words, names));
      for (const disks of byPlace([...about].map(({ disk }) => disk))) {
        const [first] = disks;
        const [disk = '', ...others] = this.#namesAmong(disks);
        if (first === undefined || (kind === 'medium' && others.length > 0)) continue;
        const shared = others.length > 0 ? { others } : {};
        this.#noticed.add(dockOf(first), { kind, disk, count: 1, ...shared });
      }
    }
  }

  /** What concerns a bridge concerns all of its disks; it is laid to those that are being read. */
  #namesAmong(disks: readonly AttachedDisk[]): readonly string[] {
    const atWork = disks.length === 1 ? disks : disks.filter((disk) => this.#isAtWork(disk));
    return atWork.map((disk) => evidenceName(disk));
  }

  /** Counters speak only of what was read between two looks: probes fail by themselves. */
  async #readCounters(): Promise<void> {
    const copying = new Map([...this.#copying()].map((item) => [item.disk, item]));
    for (const key of this.#counted.keys()) if (!copying.has(key)) this.#counted.delete(key);
    for (const [key, { vitals }] of copying) {
      const disk = this.#known.get(key)?.disk;
      if (disk === undefined || vitals === undefined) continue;
      this.#noteMediumErrors(disk, vitals.given.mediumErrors);
      const { errors, timeOuts } = await this.#deps.errorCounts(disk.devicePath);
      if (errors === null) continue;
      const failedReads = vitals.given.failed;
      this.#noteCounted(disk, { errors, timeOuts: timeOuts ?? 0, failedReads });
    }
  }

  #noteMediumErrors(disk: AttachedDisk, count: number): void {
    const before = this.#mediumErrors.get(disk.key) ?? 0;
    this.#mediumErrors.set(disk.key, count);
    if (count <= before) return;
    this.#noticed.add(dockOf(disk), { kind: 'medium', disk: evidenceName(disk), count: 1 });
  }

  /** A command that failed and was tried again in vain is the read's own error, whatever its cause. */
  #noteCounted(disk: AttachedDisk, now: Counted): void {
    const before = this.#counted.get(disk.key);
    this.#counted.set(disk.key, now);
    if (before === undefined) return;
    const timeOuts = now.timeOuts - before.timeOuts;
    const retries = now.errors - before.errors;
    const name = evidenceName(disk);
    const place = dockOf(disk);
    if (timeOuts > 0) this.#noticed.add(place, { kind: 'time-outs', disk: name, count: timeOuts });
    if (retries <= 0 || now.failedReads > before.failedReads) return;
    this.#noticed.add(place, { kind: 'retries', disk: name, count: retries });
  }

  #forgetGone(): void {
    const longAgoMs = this.#nowMs() - DOCK_NAMES_KEPT_MS;
    for (const [key, { goneAtMs }] of this.#known) {
      if (goneAtMs === undefined || goneAtMs > longAgoMs) continue;
      this.#known.delete(key);
      this.#mediumErrors.delete(key);
    }
  }

  async #tell(): Promise<void> {
    const { ledger, logger } = this.#deps;
    const { incidents, windowMs } = this.#options;
    for (let [disk] = this.#arrived; disk !== undefined; [disk] = this.#arrived) {
      const isChanged = await ledger.docks.seen(dockOf(disk));
      this.#arrived.shift();
      if (isChanged) await this.#onChange(undefined);
    }
    const nowMs = this.#nowMs();
    for (const { seen, signs } of this.#noticed.worthTelling(nowMs, windowMs)) {
      const dock = await ledger.docks.record(seen, signs, { incidents, windowMs });
      this.#noticed.wereTold(seen, signs, nowMs);
      const { bay, port, bridge } = dock;
      const fields = { bay, port, bridge, signs };
      const isBadDisk = signs.every(({ kind }) => kind === 'medium');
      if (isBadDisk) logger.info(fields, 'a bad disk excuses its dock');
      else logger.warn(fields, 'signs against a dock');
      await this.#onChange(dock);
    }
  }

  #isAtWork(disk: AttachedDisk): boolean {
    return this.#deps.floor.working
      .values()
      .some((item) => item.disk === disk.key && AT_WORK.has(item.activity.kind));
  }

  #copying() {
    return this.#deps.floor.working.values().filter(({ activity }) => activity.kind === 'copying');
  }

  #nowMs(): number {
    return this.#deps.bootUs() / 1000;
  }
}

function isSameDisk(a: AttachedDisk, b: AttachedDisk): boolean {
  return (
    a.sizeBytes === b.sizeBytes &&
    JSON.stringify(a.identity.serials) === JSON.stringify(b.identity.serials)
  );
}

function byPlace(disks: readonly AttachedDisk[]): AttachedDisk[][] {
  const places = Map.groupBy(disks, (disk) => placeKey(dockOf(disk)));
  return [...places.values()];
}
