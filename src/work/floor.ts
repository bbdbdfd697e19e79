import type { KilledCopy } from '../domain/alert.ts';
import { type DriveCondition, WELL } from '../domain/condition.ts';
import type { Working } from '../domain/decide.ts';
import type { AttachedDisk, DiskKey, Facts } from '../domain/disk.ts';
import { type EtaRange, estimateRemaining } from '../domain/eta.ts';
import {
  type CopyProgress,
  type DriveActivity,
  type DriveRef,
  driveKey,
  type JobId,
} from '../domain/job.ts';
import { type Confirmation, type Match, speaksOf } from '../domain/matching.ts';
import type { ConfirmedDisk } from '../ledger/contract.ts';
import { KILLED_OVER_MS } from '../limits.ts';
import { RateMeter } from './rate.ts';
import type { VitalSigns } from './vital-signs.ts';

/** A drive whose copy is queued or running. */
export interface WorkItem extends Working {
  activity: DriveActivity;
  progress: CopyProgress | undefined;
  /** The most that any attempt before this one had staged: what is read again up to it is no progress. */
  stagedBefore: number;
  /** Since when the attempt stages what is new, by the monotonic clock. */
  getsOnSinceMs: number | undefined;
  readonly rotational: boolean;
  readonly rate: RateMeter;
  /** Of the attempt that goes on now. */
  vitals: VitalSigns | undefined;
  /** How it got on when it made room for another one, for which it now waits. */
  putBack: DriveCondition;
  /** The last attempt failed, and the disk was to blame. */
  failedAtDisk: boolean;
  /** Its process was killed from outside, again and again, and it does not get on for long. */
  killed: Omit<KilledCopy, 'ref'> | undefined;
  /** Ends the copy in order; the reason stays for the screens. */
  readonly stop: AbortController;
}

export interface FloorOptions {
  readonly disk: DiskKey;
  readonly bay: string;
  readonly rotational: boolean;
}

export interface StorageOutage {
  readonly jobId: JobId;
  readonly since: string;
  readonly reason: string;
}

/** Unknown while detection does not know what is attached, and while a disk waits for its match. */
export type Whereabouts =
  | { readonly kind: 'plugged-in'; readonly bay: string }
  | { readonly kind: 'nowhere' }
  | { readonly kind: 'unknown' };

/**
 * What goes on in the station right now and is in no ledger: it is all derived or asked again after a
 * restart. One object, owned by the station, changed only by the coordinator and the copy runner.
 */
export class Floor {
  /** Whose each present disk is, from the last decision. */
  matches: ReadonlyMap<DiskKey, Match> = new Map();
  /** What people said; a key names one attachment for ever, so what is pulled needs no cleaning. */
  readonly confirmations = new Map<DiskKey, Confirmation>();
  readonly flaggedExtras = new Set<DiskKey>();
  readonly #working = new Map<string, WorkItem>();
  readonly #detachedSince = new Map<string, string>();
  readonly #away = new Map<string, StorageOutage>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  get working(): ReadonlyMap<string, WorkItem> {
    return this.#working;
  }

  /** Goes by what people said, as the ledger keeps it. */
  remember(answers: readonly ConfirmedDisk[]): void {
    for (const { disk, ref, actor } of answers) this.confirmations.set(disk, { ref, actor });
  }

  /** Where the disk of a drive is plugged in, if it is among these. */
  bayOf(ref: DriveRef, disks: readonly AttachedDisk[]): string | undefined {
    const present = disks.find(({ key }) => {
      const match = this.matches.get(key);
      return match?.kind === 'drive' && driveKey(match.ref) === driveKey(ref);
    });
    return present?.bay;
  }

  /**
   * Where the disk of a drive may be. One about which a person is still asked counts as plugged in: to
   * take it for gone could end a copy that its disk would go on with.
   */
  whereIs(ref: DriveRef, facts: Facts): Whereabouts {
    const working = this.#working.get(driveKey(ref));
    if (working !== undefined) return { kind: 'plugged-in', bay: working.bay };
    const disk = facts.disks.find(({ key }) => speaksOf(this.matches.get(key), ref));
    if (disk !== undefined) return { kind: 'plugged-in', bay: disk.bay };
    const isKnown = ({ key, exclusion }: AttachedDisk) =>
      exclusion !== undefined || this.matches.has(key);
    return { kind: facts.known && facts.disks.every(isKnown) ? 'nowhere' : 'unknown' };
  }

  begin(ref: DriveRef, { disk, bay, rotational }: FloorOptions): WorkItem {
    const item: WorkItem = {
      ...{ ref, disk, bay, rotational },
      activity: { kind: 'queued' },
      progress: undefined,
      stagedBefore: 0,
      getsOnSinceMs: undefined,
      rate: new RateMeter(this.#monotonicMs),
      vitals: undefined,
      putBack: WELL,
      failedAtDisk: false,
      killed: undefined,
      stop: new AbortController(),
    };
    this.#working.set(driveKey(ref), item);
    this.#detachedSince.delete(driveKey(ref));
    return item;
  }

  /** A newer work on the same drive is left alone. */
  end(item: WorkItem): void {
    const key = driveKey(item.ref);
    if (this.#working.get(key) !== item) return;
    this.#working.delete(key);
    this.#away.delete(key);
  }

  /** Another attempt begins, with what is staged so far. */
  attempted(item: WorkItem, stagedBytes: number): void {
    item.stagedBefore = Math.max(item.stagedBefore, stagedBytes);
    item.getsOnSinceMs = undefined;
  }

  progressed(item: WorkItem, progress: CopyProgress): void {
    item.progress = progress;
    item.rate.record(progress.stagedBytes);
    if (progress.stagedBytes <= item.stagedBefore) return;
    const nowMs = this.#monotonicMs();
    item.getsOnSinceMs ??= nowMs;
    if (nowMs - item.getsOnSinceMs >= KILLED_OVER_MS) item.killed = undefined;
  }

  /** Remembers since when a drive's disk is missing; the first moment counts. */
  detached(ref: DriveRef, at: string): void {
    const key = driveKey(ref);
    if (!this.#detachedSince.has(key)) this.#detachedSince.set(key, at);
  }

  detachedSince(ref: DriveRef): string | undefined {
    return this.#detachedSince.get(driveKey(ref));
  }

  storageAway(ref: DriveRef, since: string, reason: string): void {
    this.#away.set(driveKey(ref), { jobId: ref.jobId, since, reason });
  }

  storageBack(ref: DriveRef): void {
    this.#away.delete(driveKey(ref));
  }

  /** The copies that do not get on because their processes are killed. */
  get killed(): readonly KilledCopy[] {
    return [...this.#working.values()].flatMap(({ ref, killed }) =>
      killed === undefined ? [] : [{ ref, ...killed }],
    );
  }

  /** The outages that copies report, the oldest first; none when the stores answer all of them. */
  get outages(): readonly StorageOutage[] {
    return [...this.#away.values()].sort((a, b) => a.since.localeCompare(b.since));
  }

  etaOf(item: WorkItem): EtaRange | null {
    if (item.progress === undefined) return null;
    const { totalBytes, stagedBytes } = item.progress;
    const rateBytesPerSecond = item.rate.bytesPerSecond;
    const { rotational } = item;
    return (
      estimateRemaining({ totalBytes, doneBytes: stagedBytes, rateBytesPerSecond, rotational }) ??
      null
    );
  }
}
