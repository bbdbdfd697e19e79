import type { CopyTask } from './contract.ts';
import type { CopyOutcome } from './copy-outcome.ts';
import type { QueueStore } from './queue-store.ts';
import type { SettlingDependencies, SettlingOptions } from './settling.ts';

/** What the queue of copies is told, and what it works with. */

export interface CopyQueueOptions extends SettlingOptions {
  /** Runs at once, 1 or more, beside those that turned sick or hang. */
  readonly concurrent: number;
  /** Sick ones that run at once, 1 or more. */
  readonly sickConcurrent: number;
  /** How long a sick one may keep its place while another sick one waits for it. */
  readonly sickTurnMs: number;
  /** Start nothing until `resume()` is called without a reason. */
  readonly startPaused?: boolean;
}

/** The part of a pino logger that the queue needs. */
export interface QueueLogger {
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}

export interface CopyQueueDependencies extends Pick<SettlingDependencies, 'onGaveUp' | 'now'> {
  readonly store: QueueStore;
  /**
   * Does the work. `makeRoom` fires when it is to stop for another one, without haste; the signal fires
   * on `cancel` and `close`. What it throws is a failure.
   */
  readonly run: (
    task: CopyTask,
    makeRoom: AbortSignal,
    signal: AbortSignal,
  ) => Promise<CopyOutcome>;
  readonly logger: QueueLogger;
  /** Resolves after that time; rejects when the signal fires. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

export interface QueueDepth {
  readonly waiting: number;
  readonly running: number;
  /** Failed, and due again later. */
  readonly delayed: number;
}
