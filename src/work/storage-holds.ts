import type { StorageHalt } from '../domain/alert.ts';
import { type DriveRef, driveKey, type JobId } from '../domain/job.ts';
import { nextStepFor } from '../error-help/catalogue.ts';
import { isStationError, messageOf } from '../errors.ts';
import { backoffMs } from '../ledger/backoff.ts';
import { HOLD_ALONE_MS, HOLD_RETRY_MS } from '../limits.ts';
import type { Floor, WorkItem } from './floor.ts';

/** Why the copies of a job do not go on although drive and station are well. */
export type StorageTrouble =
  | { readonly kind: 'halted'; readonly code: string; readonly reason: string }
  | { readonly kind: 'away'; readonly since: string; readonly reason: string };

/**
 * What only a person can put right: the store is there, and does not let us work. (Or nothing arrives
 * as it was sent, which is the network's or the station's doing.) No attempt counts for it.
 */
const NEEDS_PERSON: ReadonlySet<string> = new Set([
  'storage-denied',
  'account-disabled',
  'storage-unusable',
  'storage-clock-skew',
  'container-missing',
  'credential-missing',
  'secret-unreadable',
  'storage-account-unknown',
  'checksum-mismatch',
]);

/** Trouble of the storage and not of the drive; `undefined` for any other failure. */
export function storageTroubleOf(code: string, reason: string): StorageTrouble | undefined {
  return NEEDS_PERSON.has(code) ? { kind: 'halted', code, reason } : undefined;
}

export interface StorageHoldsOptions {
  /** To the second try, in ms; doubled for each further one, up to `HOLD_RETRY_MS`. */
  readonly firstRetryMs: number;
  /** A copy that waits for its store keeps its place in the queue so long, in ms, if others wait. */
  readonly placeMs: number;
}

export interface StorageHoldsDependencies {
  readonly floor: Floor;
  readonly logger: { info(fields: object, message: string): void };
  now(): Date;
  /** Milliseconds of a clock that never runs backwards. */
  monotonicMs(): number;
  /** Another word whenever the storage of a job is another, its credential included. */
  storageMark(jobId: JobId): Promise<string>;
  /** Whether a copy waits for a place that it could work in. */
  othersWait(): Promise<boolean>;
  enqueue(ref: DriveRef): Promise<void>;
  /** Alerts and screens are to be looked at. */
  onChange(): void;
}

interface Hold {
  readonly item: WorkItem;
  readonly since: string;
  trouble: StorageTrouble;
  readonly tries: number;
  /** Of one that is tried: until when no other one is. */
  tryAtMs: number;
  isTried: boolean;
}

/** The place of a copy in the queue while it runs. */
export interface CopyPlace extends Disposable {
  /** Fires when the copy has to leave its place to others. */
  readonly signal: AbortSignal;
  /** Why it had to leave; `undefined` while it need not. */
  readonly trouble: StorageTrouble | undefined;
}

interface Running {
  readonly item: WorkItem;
  readonly leave: AbortController;
  /** The store of the copy does not answer. */
  outage: { readonly sinceMs: number; readonly since: string; readonly reason: string } | undefined;
}

/**
 * Drives whose copies wait for their storage outside of the queue, so that others have their places.
 * Of each job one is tried again every now and then, each in its turn, and at once when the job has another
 * credential; when the store takes something of it, all go on. Nothing of this is durable: after a restart each
 * drive finds out anew.
 */
export class StorageHolds {
  readonly #options: StorageHoldsOptions;
  readonly #deps: StorageHoldsDependencies;
  readonly #holds = new Map<string, Hold>();
  readonly #running = new Map<string, Running>();
  /** The storage with which each job was tried last, or was first looked at. */
  readonly #marks = new Map<JobId, string>();
  #looking = false;

  constructor(options: StorageHoldsOptions, dependencies: StorageHoldsDependencies) {
    this.#options = options;
    this.#deps = dependencies;
  }

  /** What operators may have to see to, one entry a job; what a copy mends by itself is not among them. */
  halts(): StorageHalt[] {
    const found = new Map<JobId, StorageHalt>();
    for (const { jobId, since, reason } of this.#deps.floor.outages) {
      found.set(jobId, { jobId, since, ...wordsOf({ kind: 'away', since, reason }) });
    }
    for (const { item, trouble, since, tries } of this.#holds.values()) {
      const { jobId } = item.ref;
      if (trouble.kind !== 'halted' || isMending(trouble, tries)) continue;
      const before = found.get(jobId);
      if (before === undefined || since < before.since) {
        found.set(jobId, { jobId, since, ...wordsOf(trouble) });
      }
    }
    return [...found.values()];
  }

  isHeld({ ref }: WorkItem): boolean {
    return this.#holds.has(driveKey(ref));
  }

  /** The trouble that another drive of the job has now; `undefined` for the one that is to try. */
  inTheWay({ ref }: WorkItem): StorageTrouble | undefined {
    const own = this.#holds.get(driveKey(ref));
    if (own?.isTried === true) return undefined;
    const held = this.#ofJob(ref.jobId)[0]?.trouble;
    if (held !== undefined) return held;
    const outage = this.#deps.floor.outages.find(({ jobId }) => jobId === ref.jobId);
    if (outage === undefined) return undefined;
    const { since, reason } = outage;
    return { kind: 'away', since, reason };
  }

  /** A copy begins to run. */
  begin(item: WorkItem): CopyPlace {
    const key = driveKey(item.ref);
    const leave = new AbortController();
    const running: Running = { item, leave, outage: undefined };
    this.#running.set(key, running);
    return {
      signal: leave.signal,
      get trouble(): StorageTrouble | undefined {
        if (running.outage === undefined || !leave.signal.aborted) return undefined;
        const { since, reason } = running.outage;
        return { kind: 'away', since, reason };
      },
      [Symbol.dispose]: () => {
        if (this.#running.get(key) === running) this.#running.delete(key);
      },
    };
  }

  /**
   * The store of a running copy does not answer; it may have been so when the copy was tried before. Told
   * again when it fails in other words, which are those of all that wait for it: it is the same outage.
   */
  away({ ref }: WorkItem, reason: string): void {
    const running = this.#running.get(driveKey(ref));
    if (running === undefined) return;
    const held = this.#holds.get(driveKey(ref));
    const before = held?.trouble.kind === 'away' ? held.since : running.outage?.since;
    const since = before ?? this.#deps.now().toISOString();
    const sinceMs = running.outage?.sinceMs ?? this.#deps.monotonicMs();
    running.outage = { sinceMs, since, reason };
    this.#show(running.item, { kind: 'away', since, reason }, since);
    for (const hold of this.#ofJob(ref.jobId)) this.#reword(hold, reason);
  }

  #reword(hold: Hold, reason: string): void {
    if (hold.trouble.kind !== 'away') return;
    hold.trouble = { ...hold.trouble, reason };
    // One that tries says what it finds out itself.
    if (!hold.isTried) this.#show(hold.item, hold.trouble, hold.since);
  }

  /** It answers again; what waited for nothing else goes on. */
  back({ ref }: WorkItem): void {
    const running = this.#running.get(driveKey(ref));
    if (running !== undefined) running.outage = undefined;
    this.#deps.floor.storageBack(ref);
    this.#release(this.#ofJob(ref.jobId).filter(({ trouble }) => trouble.kind === 'away'));
  }

  /** The drive leaves the queue until its storage works again. */
  hold(item: WorkItem, trouble: StorageTrouble): void {
    const before = this.#holds.get(driveKey(item.ref));
    const isSame = before !== undefined && codeOf(before.trouble) === codeOf(trouble);
    const began = trouble.kind === 'away' ? trouble.since : this.#deps.now().toISOString();
    const since = isSame ? before.since : began;
    const tries = (isSame ? before.tries : 0) + 1;
    const pauseMs = Math.min(HOLD_RETRY_MS, backoffMs(tries, this.#options.firstRetryMs));
    const waitMs = isMending(trouble, tries) ? 0 : pauseMs;
    const hold = { item, since, trouble, tries, tryAtMs: 0, isTried: false };
    // Behind the others of its job: what stops this drive alone keeps none of them from its try.
    this.#holds.delete(driveKey(item.ref));
    this.#holds.set(driveKey(item.ref), hold);
    for (const each of this.#ofJob(item.ref.jobId)) {
      each.tryAtMs = this.#deps.monotonicMs() + waitMs;
    }
    this.#show(item, trouble, since);
    this.#deps.onChange();
  }

  #show(item: WorkItem, trouble: StorageTrouble, since: string): void {
    const { reason } = trouble;
    if (trouble.kind === 'halted') {
      const { code } = trouble;
      item.activity = { kind: 'halted', since, code, reason, nextStep: nextStepFor(code) };
      return;
    }
    item.activity = { kind: 'waiting-for-storage', since, reason };
    this.#deps.floor.storageAway(item.ref, since, reason);
  }

  /** The store took something of a drive: whatever held its job is over. */
  works({ ref }: WorkItem): void {
    this.#release(this.#ofJob(ref.jobId));
  }

  #release(holds: readonly Hold[]): void {
    for (const { item, isTried } of holds) {
      this.#deps.logger.info({ drive: item.ref }, 'the storage works again');
      this.#holds.delete(driveKey(item.ref));
      this.#deps.floor.storageBack(item.ref);
      if (isTried) continue;
      item.activity = { kind: 'queued' };
      this.#enqueue(item.ref);
    }
    if (holds.length > 0) this.#deps.onChange();
  }

  /** Looks what can be tried again, and who has to give way. Called every few seconds. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      this.#forgetEnded();
      for (const jobId of new Set([...this.#holds.values()].map(({ item }) => item.ref.jobId))) {
        await this.#tryJob(jobId);
      }
      await this.#giveWay();
    } catch (error) {
      this.#deps.logger.info(
        { reason: messageOf(error) },
        'what waits for storage was not looked at',
      );
    } finally {
      this.#looking = false;
    }
  }

  /** A copy that was told to stop just when it came here ends here. */
  #forgetEnded(): void {
    const { floor } = this.#deps;
    const before = this.#holds.size;
    for (const [key, { item, isTried }] of this.#holds) {
      if (item.stop.signal.aborted && !isTried) floor.end(item);
      if (floor.working.get(key) !== item) this.#holds.delete(key);
    }
    if (this.#holds.size < before) this.#deps.onChange();
  }

  /** One drive tries for all of its job. */
  async #tryJob(jobId: JobId): Promise<void> {
    const mark = await this.#deps.storageMark(jobId).catch(failureMark);
    const isRenewed = this.#marks.has(jobId) && this.#marks.get(jobId) !== mark;
    if (!this.#marks.has(jobId)) this.#marks.set(jobId, mark);
    const held = this.#ofJob(jobId);
    const nowMs = this.#deps.monotonicMs();
    const next = held.find(({ isTried, tryAtMs }) => !isTried && (isRenewed || nowMs >= tryAtMs));
    if (next === undefined || held.some((hold) => this.#findsOut(hold, nowMs))) return;
    if (!isRenewed && this.#isWaitedOut(jobId, nowMs)) return;
    // Only now: what is renewed while another one still tries is a reason to try again after it.
    this.#marks.set(jobId, mark);
    next.isTried = true;
    next.tryAtMs = nowMs + HOLD_RETRY_MS;
    this.#enqueue(next.item.ref);
  }

  /**
   * Whether one that is tried is to be waited for. One whose disk hangs, or that makes room for another,
   * says nothing of the storage and keeps nobody back.
   */
  #findsOut({ item, isTried, tryAtMs }: Hold, nowMs: number): boolean {
    const running = this.#running.get(driveKey(item.ref));
    return isTried && (nowMs < tryAtMs || (running !== undefined && asks(running, nowMs)));
  }

  /** Whether a running copy of the job finds out for all of them. */
  #isWaitedOut(jobId: JobId, nowMs: number): boolean {
    const running = [...this.#running.values()].filter(({ item }) => item.ref.jobId === jobId);
    return running.some((each) => asks(each, nowMs));
  }

  async #giveWay(): Promise<void> {
    const { placeMs } = this.#options;
    const nowMs = this.#deps.monotonicMs();
    const late = [...this.#running.values()].filter(
      ({ item, outage }) =>
        outage !== undefined && (this.isHeld(item) || nowMs - outage.sinceMs >= placeMs),
    );
    if (late.length === 0 || !(await this.#deps.othersWait())) return;
    for (const { leave } of late) leave.abort();
  }

  #ofJob(jobId: JobId): Hold[] {
    return [...this.#holds.values()].filter(({ item }) => item.ref.jobId === jobId);
  }

  #enqueue(ref: DriveRef): void {
    void this.#deps.enqueue(ref).catch((error) => {
      this.#deps.logger.info({ drive: ref, reason: messageOf(error) }, 'cannot be queued now');
      const hold = this.#holds.get(driveKey(ref));
      if (hold !== undefined) hold.isTried = false;
    });
  }
}

/**
 * A copy whose store is away asks it every few seconds, and tells. After a while another one tries beside
 * it: what is in the way may be in the way of its bytes alone.
 */
function asks({ outage }: Running, nowMs: number): boolean {
  return outage !== undefined && nowMs - outage.sinceMs < HOLD_ALONE_MS;
}

function codeOf(trouble: StorageTrouble): string {
  return trouble.kind === 'halted' ? trouble.code : 'storage-unavailable';
}

/** A copy whose container was deleted begins by making it again: nobody has to be told of the first time. */
function isMending(trouble: StorageTrouble, tries: number): boolean {
  return codeOf(trouble) === 'container-missing' && tries === 1;
}

function wordsOf(trouble: StorageTrouble) {
  const code = codeOf(trouble);
  return { code, reason: trouble.reason, nextStep: nextStepFor(code) };
}

function failureMark(error: unknown): string {
  return isStationError(error) ? error.code : 'unknown';
}
