import type { DriveCondition } from '../domain/condition.ts';
import { Places } from './places.ts';

export type Lane = 'fast' | 'sick';

/**
 * How a copy gets on: `well` copies at the pace of its disk; `sick` is trouble that takes long, and
 * `hanging` waits for the kernel and does nothing at all.
 */
export type Condition = DriveCondition['kind'];

export interface LanesOptions {
  /** Copies at once that are well. */
  readonly concurrent: number;
  /** Sick ones beside them. */
  readonly sickConcurrent: number;
  /** How long a sick one may keep its place while another sick one waits for it. */
  readonly sickTurnMs: number;
}

export interface LanesDependencies {
  /** Stops a copy, which leaves its lane when it has ended. */
  evict(id: string): void;
  /** Resolves after that time, earlier when all of it ends. */
  slept(milliseconds: number): Promise<void>;
}

/**
 * Two lanes, so that a sick drive never holds the place of a healthy one. Who turns sick leaves the
 * fast lane for a place in the other one. Who hangs needs no place: it uses neither the processor nor
 * the network, and the station bounds how many hang. Who is well again comes back to the fast lane
 * before all that wait for it; until then it goes on where it is.
 */
export class Lanes {
  readonly #fast: Places;
  readonly #sick: Places;
  readonly #sickTurnMs: number;
  readonly #deps: LanesDependencies;
  #endsTurns = false;

  constructor(options: LanesOptions, dependencies: LanesDependencies) {
    this.#fast = new Places(options.concurrent);
    this.#sick = new Places(options.sickConcurrent);
    this.#sickTurnMs = options.sickTurnMs;
    this.#deps = dependencies;
  }

  /** Waits for a place in a lane; resolves without one when the signal fires. */
  async enter(id: string, lane: Lane, signal: AbortSignal): Promise<void> {
    if (lane === 'fast') return await this.#fast.enter(id, signal);
    const entered = this.#sick.enter(id, signal);
    if (!this.#endsTurns) void this.#endTurns();
    await entered;
  }

  leave(id: string): void {
    this.#fast.leave(id);
    this.#sick.leave(id);
  }

  /** Moves a copy that runs; `false` when there is no place for it: it has to stop and wait. */
  move(id: string, condition: Condition): boolean {
    switch (condition) {
      case 'hanging':
        this.leave(id);
        return true;
      case 'sick':
        return this.#toSick(id);
      case 'well':
        this.#toFast(id);
        return true;
    }
  }

  #toSick(id: string): boolean {
    this.#fast.leave(id);
    if (this.#sick.has(id)) return true;
    if (!this.#sick.isFree) return false;
    this.#sick.take(id);
    return true;
  }

  /** One that hung and goes on is not stopped for it: for once there is one more. */
  #toFast(id: string): void {
    if (this.#fast.has(id)) return;
    if (this.#sick.has(id)) this.#fast.enterFirst(id, () => this.#sick.leave(id));
    else this.#fast.take(id);
  }

  /** While sick ones wait, who has been among the sick the longest leaves after one more turn. */
  async #endTurns(): Promise<void> {
    this.#endsTurns = true;
    while (this.#sick.isAwaited) {
      const { eldest } = this.#sick;
      await this.#deps.slept(this.#sickTurnMs);
      if (eldest !== undefined && eldest === this.#sick.eldest && this.#sick.isAwaited) {
        this.#deps.evict(eldest);
      }
    }
    this.#endsTurns = false;
  }
}
