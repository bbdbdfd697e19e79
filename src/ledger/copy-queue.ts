import BetterQueue from 'better-queue';
import { StationError, throwIfCancelled } from '../errors.ts';
import { STORE_RETRY_MS } from './backoff.ts';
import type { CopyTask } from './contract.ts';
import { type CopyOutcome, endedSick } from './copy-outcome.ts';
import type { CopyQueueDependencies, CopyQueueOptions, QueueDepth } from './copy-queue-contract.ts';
import { DueTimers } from './due-timers.ts';
import { Gate } from './gate.ts';
import { type Condition, type Lane, Lanes } from './lanes.ts';
import { Offers } from './offers.ts';
import type { QueueRow } from './queue-rows.ts';
import { Settling } from './settling.ts';
import { watchedStore } from './watched-store.ts';

/** Why a queue that was created paused starts nothing yet. */
const NOT_STARTED = 'not started';

interface Run {
  readonly controller: AbortController;
  readonly makeRoom: AbortController;
  readonly ended: Promise<void>;
  cancelled: boolean;
  /** Ends better-queue's part in it, once; absent for a run that better-queue did not start. */
  letGo: (() => void) | undefined;
}

interface Stops {
  readonly makeRoom: AbortSignal;
  readonly signal: AbortSignal;
}

/**
 * The durable queue of copies, on better-queue. better-queue keeps the order, the bound on how many
 * run at once and the pause; what it keeps only in memory or does too early is done here:
 *
 * - A run is settled in the store *before* better-queue hears of its end, so no crash comes between
 *   "no longer running" and "due again". better-queue's own retries, counted in memory, are not used.
 * - Its `cancel` frees the place while the work still goes on; here a place is free when the run ended.
 * - After a restart it starts everything that ran, all at once; here that waits again instead.
 * - It fills its last free place only on the next event, so each start and each end pokes it.
 * - Its places are all alike. `Lanes` bounds what really runs; a run that turned sick or hangs is taken
 *   out of better-queue's hands, so that the next one starts, and goes on from here.
 */
export class CopyQueue {
  readonly #options: CopyQueueOptions;
  readonly #deps: CopyQueueDependencies;
  readonly #runs = new Map<string, Run>();
  readonly #offers = new Offers();
  /** What waits to be due again. */
  readonly #timers: DueTimers;
  readonly #settling: Settling;
  readonly #lanes: Lanes;
  /** Tasks whose next run begins in the lane of the sick. */
  readonly #sick = new Set<string>();
  readonly #gate = new Gate();
  readonly #closing = new AbortController();
  #queue: BetterQueue<CopyTask, void> | undefined;

  private constructor(options: CopyQueueOptions, dependencies: CopyQueueDependencies) {
    this.#options = options;
    this.#deps = dependencies;
    const { logger, now } = dependencies;
    const slept = (milliseconds: number, signal: AbortSignal) => this.#slept(milliseconds, signal);
    const offer = (id: string) => this.#offerIfDelayed(id);
    this.#timers = new DueTimers({ offer, logger, now, slept }, this.#closing.signal);
    this.#settling = new Settling(options, { ...dependencies, slept }, this.#closing.signal);
    this.#lanes = new Lanes(options, {
      evict: (id) => this.#evict(id),
      slept: (milliseconds) => this.#slept(milliseconds, this.#closing.signal),
    });
    if (options.startPaused === true) this.#gate.shut(NOT_STARTED);
  }

  /** Opens the queue; what was left of the last time is taken up, within the bound. */
  static async create(
    options: CopyQueueOptions,
    dependencies: CopyQueueDependencies,
  ): Promise<CopyQueue> {
    const queue = new CopyQueue(options, dependencies);
    await dependencies.store.requeueRunning();
    await queue.#connect();
    for (const row of await dependencies.store.tasks('delayed')) {
      queue.#timers.set(row.task, row.dueAtMs ?? 0);
    }
    return queue;
  }

  /**
   * Puts a task into the queue; durable when it resolves. A task that is in it already stays where it
   * is; one that runs is taken again if that run ends parked. Throws `cancelled` after `close`.
   */
  async enqueue(task: CopyTask): Promise<void> {
    throwIfCancelled(this.#closing.signal);
    await this.#offers.over(task.id);
    const row = await this.#deps.store.find(task.id);
    if (row?.status === 'waiting' || row?.status === 'delayed') return;
    if (row?.status !== 'running') await this.#offers.make(task.id, () => this.#push(task));
    // Its run can end meanwhile, and what better-queue does not hear of is never started.
    else if (!(await this.#deps.store.wantAgain(task))) await this.enqueue(task);
  }

  /** Whether the task waits, runs or is due again; a parked or cancelled one is not in the queue. */
  async has(id: string): Promise<boolean> {
    const row = await this.#deps.store.find(id);
    return row !== undefined && row.status !== 'parked' && row.afterRun !== 'remove';
  }

  /**
   * Removes the task; durable when it resolves. Answers whether it was running: its signal has then
   * fired, and it keeps its place in the bound until the run ends.
   */
  async cancel(id: string): Promise<boolean> {
    this.#timers.end(id);
    this.#sick.delete(id);
    await this.#offers.over(id);
    await this.#deps.store.remove(id);
    const run = this.#runs.get(id);
    if (run === undefined) return false;
    run.cancelled = true;
    run.controller.abort(new StationError('cancelled', `copy ${id} was cancelled`, {}));
    return true;
  }

  /**
   * How a running copy gets on. It changes lanes at once; a sick one that finds no room among the sick
   * is stopped, and goes on later.
   */
  turned(id: string, condition: Condition): void {
    const run = this.#runs.get(id);
    if (run === undefined || run.controller.signal.aborted) return;
    if (!this.#lanes.move(id, condition)) this.#evict(id);
    if (condition === 'well') this.#sick.delete(id);
    else void this.#takeFromBetterQueue(id, run);
  }

  /** Starts no further task until `resume`; running ones go on. Several reasons add up. */
  pause(reason: string): void {
    this.#gate.shut(reason);
    this.#queue?.pause();
  }

  /**
   * Withdraws one reason to pause; without one, the first start that `startPaused` held back. Tasks
   * start again when no reason is left.
   */
  resume(reason: string = NOT_STARTED): void {
    if (this.#gate.open(reason)) this.#poke();
  }

  /** Pauses for a reason as long as it holds. */
  pauseWhile(reason: string, holds: boolean): void {
    if (holds) this.pause(reason);
    else this.resume(reason);
  }

  /** Why nothing is started at the moment; empty while the queue goes. */
  pauseReasons(): readonly string[] {
    return this.#gate.reasons;
  }

  async depth(): Promise<QueueDepth> {
    const { waiting, running, delayed } = await this.#deps.store.depth();
    return { waiting, running, delayed };
  }

  /**
   * Starts nothing more, fires the signals of the running tasks and waits for them until the deadline.
   * Answers the ids that still run then. Whatever did not finish is in the queue at the next start.
   */
  async close(deadlineMs: number): Promise<readonly string[]> {
    this.#closing.abort(new StationError('cancelled', 'the queue is closing', {}));
    this.#queue?.pause();
    for (const run of this.#runs.values()) run.controller.abort(this.#closing.signal.reason);
    const timer = new AbortController();
    const ended = Promise.all([...this.#runs.values()].map((run) => run.ended));
    await Promise.race([ended, this.#slept(deadlineMs, timer.signal)]);
    timer.abort();
    const left = [...this.#runs.keys()];
    await this.#offers.allOver();
    this.#queue?.destroy(() => {});
    return left;
  }

  /** Resolves once better-queue is connected to the store. */
  async #connect(): Promise<void> {
    const connected = Promise.withResolvers<void>();
    const queue = new BetterQueue<CopyTask, void>({
      process: (task: CopyTask, done) => this.#process(task, done),
      store: watchedStore(this.#deps.store, {
        onConnected: connected.resolve,
        onTakeFailed: (error) => this.#pokeLater(error),
      }),
      concurrent: this.#options.concurrent,
    });
    queue.on('error', (error) => this.#deps.logger.error({ err: error }, 'the queue failed'));
    if (!this.#gate.isOpen) queue.pause();
    this.#queue = queue;
    await connected.promise;
  }

  #process(task: CopyTask, done: () => void): void {
    this.#launch(task, 'fast', done);
    this.#poke();
  }

  #launch(task: CopyTask, lane: Lane, letGo?: () => void): void {
    const controller = new AbortController();
    const makeRoom = new AbortController();
    const stops = { makeRoom: makeRoom.signal, signal: controller.signal };
    const settled = this.#attempt(task, lane, stops);
    const ended = settled.then(() => {
      this.#runs.delete(task.id);
    });
    const run: Run = { controller, makeRoom, ended, cancelled: false, letGo };
    this.#runs.set(task.id, run);
    void settled.then((left) => {
      // Of a task that stays in the store as running, better-queue must not release the lock.
      if (left === 'unsettled') return;
      run.letGo?.();
      this.#poke();
      if (left !== undefined) this.#takeUp(left);
    });
  }

  /** Runs the task once and settles it; answers what is left of it in the queue. Never rejects. */
  async #attempt(
    task: CopyTask,
    lane: Lane,
    stops: Stops,
  ): Promise<QueueRow | 'unsettled' | undefined> {
    await this.#placeIn(lane, task.id, AbortSignal.any([stops.signal, stops.makeRoom]));
    if (this.#closing.signal.aborted) return 'unsettled';
    const outcome = await this.#outcome(task, stops);
    this.#lanes.leave(task.id);
    if (this.#closing.signal.aborted && outcome.kind !== 'finished') return 'unsettled';
    if (endedSick(outcome)) this.#sick.add(task.id);
    else this.#sick.delete(task.id);
    const isCancelled = () => this.#runs.get(task.id)?.cancelled === true;
    return await this.#settling.settle(task, outcome, { isCancelled });
  }

  /** A pause can come while a task is being fetched: it then waits here, holding its place. */
  async #placeIn(lane: Lane, id: string, signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    await this.#lanes.enter(id, lane, stop);
    await this.#gate.passed(stop);
  }

  async #outcome(task: CopyTask, { makeRoom, signal }: Stops): Promise<CopyOutcome> {
    if (signal.aborted) return { kind: 'parked' };
    if (makeRoom.aborted) return { kind: 'evicted' };
    try {
      return await this.#deps.run(task, makeRoom, signal);
    } catch (error) {
      return { kind: 'failed', error };
    }
  }

  /** Once its place is free: it may be the very one that it needs. */
  #takeUp({ status, task, dueAtMs }: QueueRow): void {
    if (status === 'delayed') this.#timers.set(task, dueAtMs ?? 0);
  }

  /** It can have been cancelled, or enqueued anew, in the meantime. */
  async #offerIfDelayed(id: string): Promise<void> {
    await this.#offers.make(id, async () => {
      const row = await this.#deps.store.find(id);
      if (row?.status !== 'delayed') return;
      if (!this.#sick.has(id)) await this.#push(row.task);
      else if (await this.#deps.store.takeDelayed(id)) this.#launch(row.task, 'sick');
    });
  }

  #evict(id: string): void {
    this.#deps.logger.info({ task: id }, 'a sick copy is put back; others have their turn');
    this.#runs.get(id)?.makeRoom.abort();
  }

  /** Not to be released with the lock, a run is first taken out of it in the store. */
  async #takeFromBetterQueue(id: string, run: Run): Promise<void> {
    const { letGo } = run;
    run.letGo = undefined;
    while (letGo !== undefined && !this.#closing.signal.aborted) {
      try {
        await this.#deps.store.keepRunning(id);
        letGo();
        return this.#poke();
      } catch (error) {
        this.#deps.logger.error({ err: error, task: id }, 'a sick copy keeps its place for now');
        await this.#slept(STORE_RETRY_MS, this.#closing.signal);
      }
    }
  }

  /** Resolves when better-queue has stored the task; later events of its ticket are not used. */
  async #push(task: CopyTask): Promise<void> {
    const stored = Promise.withResolvers<void>();
    const ticket = this.#queue?.push(task);
    ticket?.on('queued', () => stored.resolve());
    ticket?.on('failed', (reason: unknown) => {
      const detail = `the task ${task.id} was not stored: ${String(reason)}`;
      stored.reject(new StationError('internal-error', detail, { detail }));
    });
    await stored.promise;
  }

  #poke(): void {
    if (this.#gate.isOpen && !this.#closing.signal.aborted) this.#queue?.resume();
  }

  #pokeLater(error: unknown): void {
    this.#deps.logger.error({ err: error }, 'cannot take the next copy');
    void this.#slept(STORE_RETRY_MS, this.#closing.signal).then(() => this.#poke());
  }

  async #slept(milliseconds: number, signal: AbortSignal): Promise<void> {
    await this.#deps.sleep(milliseconds, signal).catch(() => {});
  }
}
