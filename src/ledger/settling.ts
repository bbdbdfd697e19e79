import { backoffMs, STORE_RETRY_MS } from './backoff.ts';
import type { CopyTask } from './contract.ts';
import type { CopyOutcome } from './copy-outcome.ts';
import type { QueueRow } from './queue-rows.ts';
import type { QueueStore, Settlement } from './queue-store.ts';

export interface SettlingOptions {
  /** Failed runs of one task before it is given up, 1 or more. */
  readonly maxAttempts: number;
  /** Pause after the first failure; doubled for each further one, at most five minutes. */
  readonly retryDelayMs: number;
}

export interface SettlingDependencies {
  readonly store: Pick<QueueStore, 'find' | 'settle'>;
  /** Called with the last error when a task has used up its attempts, before it leaves the queue. */
  readonly onGaveUp: (task: CopyTask, error: unknown) => Promise<void>;
  readonly logger: {
    warn(data: object, message: string): void;
    error(data: object, message: string): void;
  };
  readonly now: () => Date;
  /** Resolves after that time, earlier when the signal fires. */
  readonly slept: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

interface RunState {
  isCancelled(): boolean;
}

/** Records how runs ended: failures are counted here, and the last one is told. */
export class Settling {
  readonly #options: SettlingOptions;
  readonly #deps: SettlingDependencies;
  readonly #signal: AbortSignal;

  constructor(options: SettlingOptions, dependencies: SettlingDependencies, signal: AbortSignal) {
    this.#options = options;
    this.#deps = dependencies;
    this.#signal = signal;
  }

  /**
   * Answers what is left of the task in the queue; `unsettled` when that could not be recorded before
   * the signal fired. Never rejects.
   */
  async settle(
    task: CopyTask,
    outcome: CopyOutcome,
    run: RunState,
  ): Promise<QueueRow | 'unsettled' | undefined> {
    while (true) {
      try {
        const settlement = await this.#settlement(task, outcome, run);
        return await this.#deps.store.settle(task.id, settlement);
      } catch (error) {
        this.#deps.logger.error({ err: error, task: task.id }, 'cannot record how a copy ended');
        await this.#deps.slept(STORE_RETRY_MS, this.#signal);
        if (this.#signal.aborted) return 'unsettled';
      }
    }
  }

  async #settlement(task: CopyTask, outcome: CopyOutcome, run: RunState): Promise<Settlement> {
    if (outcome.kind !== 'failed' && outcome.kind !== 'postponed') return outcome;
    if (run.isCancelled()) return { kind: 'parked' };
    const row = await this.#deps.store.find(task.id);
    if (outcome.kind === 'postponed') return this.#postponed(task, outcome, row?.failures ?? 0);
    const earlier = outcome.progressed === true ? 0 : (row?.failures ?? 0);
    const failures = earlier + 1;
    const detail = { task: task.id, failures, err: outcome.error };
    if (failures >= this.#options.maxAttempts) {
      this.#deps.logger.error(detail, 'copy failed for the last time');
      await this.#gaveUp(task, outcome.error);
      return { kind: 'gave-up' };
    }
    const delayMs = backoffMs(failures, this.#options.retryDelayMs);
    this.#deps.logger.warn({ ...detail, delayMs }, 'copy failed, will be tried again');
    return { kind: 'failed', failures, dueAtMs: this.#deps.now().getTime() + delayMs };
  }

  #postponed(
    task: CopyTask,
    { reason, times }: Extract<CopyOutcome, { kind: 'postponed' }>,
    failures: number,
  ): Settlement {
    const delayMs = backoffMs(times, this.#options.retryDelayMs);
    this.#deps.logger.warn({ task: task.id, times, delayMs, reason }, 'copy postponed');
    return { kind: 'failed', failures, dueAtMs: this.#deps.now().getTime() + delayMs };
  }

  async #gaveUp(task: CopyTask, error: unknown): Promise<void> {
    try {
      await this.#deps.onGaveUp(task, error);
    } catch (cause) {
      this.#deps.logger.error({ err: cause, task: task.id }, 'giving up a copy failed');
    }
  }
}
