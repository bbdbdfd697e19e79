import { z } from 'zod';
import type { Ledger } from '../ledger/contract.ts';
import { CLOCK_ENTITY } from '../ledger/entities.ts';
import { CLOCK_GAP_MS, CLOCK_JUMP_MS } from '../limits.ts';
import type { Clock } from './clock.ts';

/** Where wall time and running time were together. */
interface ClockAnchor {
  /** Milliseconds since 1970. */
  readonly wallMs: number;
  readonly uptimeMs: number;
}

/** The clock says something else than the time that has passed. */
export interface ClockJump {
  /** What the clock would say had nobody set it. */
  readonly expected: Date;
  readonly found: Date;
}

export interface ClockWatchDependencies {
  readonly clock: Clock;
  readonly ledger: Pick<Ledger, 'lastEvent' | 'note'>;
  /** Names this boot of the machine; running time is counted within it. */
  readonly bootId: string;
}

/** What the event log keeps of it. */
const trusted = z.object({ bootId: z.string(), bootedAt: z.iso.datetime() });

/**
 * Tells whether the clock was set. What waits for weeks must not act because a clock jumped by years:
 * until a person says that the clock is right, time goes on from where it was before the jump, at the
 * pace of the machine's running time. A clock that is set back to what it should say is trusted at once.
 * Corrections below `CLOCK_JUMP_MS` are followed without a word.
 */
export class ClockWatch {
  readonly #deps: ClockWatchDependencies;
  #anchor: ClockAnchor;

  private constructor(dependencies: ClockWatchDependencies, anchor: ClockAnchor) {
    this.#deps = dependencies;
    this.#anchor = anchor;
  }

  /**
   * Takes up where the station was when it ended. Within one boot of the machine its running time tells
   * how much has passed since. Over a boot nothing does: then a clock before the last entry of the event
   * log, or long after it, is not believed at once.
   */
  static async create(dependencies: ClockWatchDependencies): Promise<ClockWatch> {
    const { ledger } = dependencies;
    const before = trusted.safeParse((await ledger.lastEvent(CLOCK_ENTITY))?.data).data;
    const last = await ledger.lastEvent();
    const watch = new ClockWatch(dependencies, anchorAfter({ before, last }, dependencies));
    const isKnown = before?.bootId === dependencies.bootId;
    if (watch.look() === undefined && !isKnown) await watch.accept('station');
    return watch;
  }

  /** `undefined` while the clock goes as the time does. */
  look(): ClockJump | undefined {
    const { clock } = this.#deps;
    const { wallMs, uptimeMs } = this.#anchor;
    const expected = new Date(wallMs + clock.uptimeMs() - uptimeMs);
    const found = clock.now();
    if (Math.abs(found.getTime() - expected.getTime()) >= CLOCK_JUMP_MS) return { expected, found };
    this.#anchor = anchorOf(clock);
    return undefined;
  }

  /** The time by which waits of days go. */
  now(): Date {
    return this.look()?.expected ?? this.#deps.clock.now();
  }

  /** The clock is right as it is; from now on the ledger knows it so. */
  async accept(actor: string): Promise<void> {
    const { clock, ledger, bootId } = this.#deps;
    this.#anchor = anchorOf(clock);
    const bootedAt = new Date(this.#anchor.wallMs - this.#anchor.uptimeMs).toISOString();
    await ledger.note(CLOCK_ENTITY, 'trusted', { bootId, bootedAt }, actor);
  }
}

export function jumpInWords({ expected, found }: ClockJump): string {
  const how = found > expected ? 'ahead of' : 'behind';
  return `The clock says ${minuteOf(found)} and is ${how} the time that has passed: by that it would be ${minuteOf(expected)}. Until this is settled, time-outs of jobs go by the latter.`;
}

interface Known {
  readonly before: z.output<typeof trusted> | undefined;
  readonly last: { readonly at: string } | undefined;
}

function anchorAfter(
  { before, last }: Known,
  { clock, bootId }: Pick<ClockWatchDependencies, 'clock' | 'bootId'>,
): ClockAnchor {
  const here = anchorOf(clock);
  if (before?.bootId === bootId) return { wallMs: Date.parse(before.bootedAt), uptimeMs: 0 };
  if (last === undefined) return here;
  const lastMs = Date.parse(last.at);
  const gapMs = here.wallMs - lastMs;
  const isBelieved = gapMs > -CLOCK_JUMP_MS && gapMs < CLOCK_GAP_MS;
  return isBelieved ? here : { ...here, wallMs: lastMs };
}

function anchorOf(clock: Clock): ClockAnchor {
  return { wallMs: clock.now().getTime(), uptimeMs: clock.uptimeMs() };
}

function minuteOf(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
