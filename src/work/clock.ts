import { uptime } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The one clock of everything that takes days: time-outs of jobs, times in the ledger and on the
 * screens. What takes seconds (retries, watchdogs) waits by the machine's own timers.
 */
export interface Clock {
  now(): Date;
  /** How long the machine has been up, sleep included; goes on whatever the clock is set to. */
  uptimeMs(): number;
  /** Calls back about every so often, until the answer is called. */
  every(intervalMs: number, callback: () => void): () => void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => new Date(),
  uptimeMs: () => uptime() * 1000,
  every(intervalMs, callback) {
    const timer = setInterval(callback, intervalMs);
    return () => clearInterval(timer);
  },
};

/** Sleeps by the machine's own time; rejects when the signal fires. */
export async function slept(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal });
}
