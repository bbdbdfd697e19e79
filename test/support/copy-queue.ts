import type { DriveId, JobId } from '../../src/domain/job.ts';
import type { CopyTask } from '../../src/ledger/contract.ts';
import type { CopyOutcome } from '../../src/ledger/copy-outcome.ts';
import { CopyQueue } from '../../src/ledger/copy-queue.ts';
import type { CopyQueueOptions } from '../../src/ledger/copy-queue-contract.ts';
import type { QueueStore } from '../../src/ledger/queue-store.ts';
import type { SqliteLedger } from '../../src/ledger/sqlite.ts';
import { openLedger, TEST_TIME } from './ledger.ts';

export function aTask(id: string): CopyTask {
  return { id, ref: { jobId: 'job' as JobId, driveId: id as DriveId } };
}

/** A run that waits for the test to say how it ends. */
export interface HeldRun {
  readonly id: string;
  readonly signal: AbortSignal;
  readonly makeRoom: AbortSignal;
  end(outcome: CopyOutcome): void;
  /** Ends it by an error instead of an outcome. */
  fail(error: unknown): void;
}

export interface GivenUp {
  readonly id: string;
  readonly error: unknown;
}

/**
 * A queue on a real ledger whose runs end, and whose pauses between attempts are over, when the test
 * says so. The clock stands still.
 */
export class QueueBench {
  readonly runs: HeldRun[] = [];
  /** Every id that was started, in order. */
  readonly started: string[] = [];
  readonly givenUp: GivenUp[] = [];
  /** Pauses that are going on, in milliseconds. */
  readonly pauses: { readonly milliseconds: number; readonly end: () => void }[] = [];
  mostAtOnce = 0;
  readonly ledger: SqliteLedger;
  readonly store: QueueStore;
  #queue: CopyQueue | undefined;

  private constructor(ledger: SqliteLedger) {
    this.ledger = ledger;
    this.store = ledger.queueStore();
  }

  static async open(file: string, options: Partial<CopyQueueOptions> = {}): Promise<QueueBench> {
    const bench = new QueueBench(await openLedger(file));
    bench.#queue = await CopyQueue.create(
      {
        ...{ concurrent: 2, sickConcurrent: 1, sickTurnMs: 60_000 },
        ...{ maxAttempts: 3, retryDelayMs: 1000 },
        ...options,
      },
      {
        store: bench.store,
        run: (task, makeRoom, signal) => bench.#run(task, makeRoom, signal),
        onGaveUp: async ({ id }, error) => void bench.givenUp.push({ id, error }),
        logger: { info: () => {}, warn: () => {}, error: () => {} },
        now: () => TEST_TIME,
        sleep: (milliseconds, signal) => bench.#sleep(milliseconds, signal),
      },
    );
    return bench;
  }

  get queue(): CopyQueue {
    if (this.#queue === undefined) throw new Error('not open');
    return this.#queue;
  }

  get runningIds(): string[] {
    return this.runs.map((run) => run.id).sort();
  }

  run(id: string): HeldRun {
    const found = this.runs.find((run) => run.id === id);
    if (found === undefined) throw new Error(`${id} does not run`);
    return found;
  }

  /** Lets every pause between attempts be over. */
  wake(): void {
    for (const pause of this.pauses.splice(0)) pause.end();
  }

  /** The process dies: nothing more reaches the database, and what ran is never heard of again. */
  async crash(): Promise<void> {
    await this.ledger.close();
  }

  async close(): Promise<void> {
    await this.queue.close(0);
    await this.ledger.close();
  }

  async #run(task: CopyTask, makeRoom: AbortSignal, signal: AbortSignal): Promise<CopyOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<CopyOutcome>();
    if (this.runs.some((run) => run.id === task.id)) throw new Error(`${task.id} runs twice`);
    const run = { id: task.id, signal, makeRoom, end: resolve, fail: reject };
    this.runs.push(run);
    this.started.push(task.id);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.runs.length);
    try {
      return await promise;
    } finally {
      this.runs.splice(this.runs.indexOf(run), 1);
    }
  }

  async #sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (milliseconds === 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const pause = { milliseconds, end: resolve };
    this.pauses.push(pause);
    signal.addEventListener('abort', () => {
      const at = this.pauses.indexOf(pause);
      if (at >= 0) this.pauses.splice(at, 1);
      reject(signal.reason);
    });
    await promise;
  }
}
