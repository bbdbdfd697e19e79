/**
 * What is done about a disk that keeps a read waiting, rung by rung: wait where everyone sees it, ask
 * the kernel, reset what may be reset, give it up. Pure; a clock that only counts while nothing is
 * answered drives it, and whoever carries the steps out tells it what came of them.
 */

/** What waits for the disk: its opening, a read, or the closing of it. */
export type WaitKind = 'open' | 'read' | 'close';

export interface Wait {
  readonly kind: WaitKind;
  /** Byte of the disk; `null` where it is not known. */
  readonly offsetBytes: number | null;
  readonly waitedMs: number;
}

/**
 * A disk that slept does not read yet. It is waited for as long as a disk may take for it, and that is no
 * rung of the ladder.
 */
export interface SpinUpWait {
  readonly kind: 'spin-up';
  readonly waitedMs: number;
}

export type DiskWait = Wait | SpinUpWait;

/** What the kernel knows of a disk that does not answer. */
export interface KernelAnswer {
  readonly attachment: 'same' | 'another' | 'none';
  /** `device/state` of a SCSI disk: `running`, `blocked`, `offline` …; `null` where there is none. */
  readonly state: string | null;
  /** Requests that the disk has taken and not answered; `null` where the kernel does not say. */
  readonly requestsInFlight: number | null;
  /** After this long the kernel itself gives a request up; `null`: never, or it does not say. */
  readonly limitMs: number | null;
  /** Commands that failed, and that timed out, since the disk was plugged in. */
  readonly errors: number | null;
  readonly timeOuts: number | null;
  /** The last words of the kernel about the disk, where they may be read. */
  readonly messages: readonly string[];
}

export type ResetOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'skipped' | 'failed'; readonly words: string };

export type Rung = 'calm' | 'waiting' | 'asked' | 'reset';

export interface HangLadder {
  readonly rung: Rung;
  readonly wait: Wait | undefined;
  /** At which time of waiting the kernel was asked last. */
  readonly askedAtMs: number | undefined;
  readonly kernel: KernelAnswer | undefined;
  readonly reset: ResetOutcome | undefined;
}

export const CALM: HangLadder = {
  rung: 'calm',
  wait: undefined,
  askedAtMs: undefined,
  kernel: undefined,
  reset: undefined,
};

export interface LadderTimes {
  /** The screens show it. */
  readonly shownMs: number;
  /** The kernel is asked for the first time, and again each time so much more has passed. */
  readonly askMs: number;
  readonly resetMs: number;
  /** The copy process says so itself and is given up; here it is the end of the clock. */
  readonly giveUpMs: number;
}

export type LadderEvent =
  | { readonly kind: 'waited'; readonly wait: Wait }
  | { readonly kind: 'kernel-answered'; readonly answer: KernelAnswer }
  | { readonly kind: 'reset-ended'; readonly outcome: ResetOutcome };

export type LadderStep = 'ask-kernel' | 'reset';

/** The rungs that fit under the time after which a disk is given up. */
export function ladderTimes(
  giveUpMs: number,
  { shownMs, askMs }: Pick<LadderTimes, 'shownMs' | 'askMs'>,
): LadderTimes {
  return {
    shownMs: Math.min(shownMs, giveUpMs / 4),
    askMs: Math.min(askMs, giveUpMs / 3),
    resetMs: (giveUpMs * 3) / 4,
    giveUpMs,
  };
}

/** The next state, and what is to be done now. A read that was answered ends it all. */
export function climb(
  ladder: HangLadder,
  event: LadderEvent,
  times: LadderTimes,
): { readonly ladder: HangLadder; readonly step?: LadderStep } {
  switch (event.kind) {
    case 'kernel-answered':
      return { ladder: ladder.rung === 'calm' ? CALM : { ...ladder, kernel: event.answer } };
    case 'reset-ended':
      return { ladder: ladder.rung === 'calm' ? CALM : { ...ladder, reset: event.outcome } };
    case 'waited':
      return waited(ladder, event.wait, times);
  }
}

function waited(
  ladder: HangLadder,
  wait: Wait,
  times: LadderTimes,
): { readonly ladder: HangLadder; readonly step?: LadderStep } {
  const { waitedMs } = wait;
  if (waitedMs < times.shownMs) return { ladder: CALM };
  const isSame = ladder.wait !== undefined && waitedMs >= ladder.wait.waitedMs;
  const before = isSame ? ladder : CALM;
  const now: HangLadder = {
    ...before,
    rung: before.rung === 'calm' ? 'waiting' : before.rung,
    wait,
  };
  if (waitedMs >= times.resetMs && now.rung !== 'reset') {
    return { ladder: { ...now, rung: 'reset' }, step: 'reset' };
  }
  const isDue = waitedMs >= (now.askedAtMs ?? 0) + times.askMs;
  if (!isDue) return { ladder: now };
  const rung = now.rung === 'reset' ? 'reset' : 'asked';
  return { ladder: { ...now, rung, askedAtMs: waitedMs }, step: 'ask-kernel' };
}

/** `a read at byte 415,911,976,960`, to follow "waits for" or "has not answered". */
export function waitInWords({ kind, offsetBytes }: Pick<Wait, 'kind' | 'offsetBytes'>): string {
  if (kind === 'open') return 'its opening';
  if (kind === 'close') return 'its closing';
  return offsetBytes === null ? 'a read' : `a read at byte ${offsetBytes}`;
}

/** What was tried so far, in words for the technician, the oldest first. */
export function triedInWords({ kernel, reset }: HangLadder): string[] {
  const tried: string[] = [];
  if (kernel !== undefined) tried.push(kernelInWords(kernel));
  if (reset?.kind === 'done') tried.push('the USB device was reset');
  if (reset?.kind === 'skipped') tried.push(`no reset: ${reset.words}`);
  if (reset?.kind === 'failed') tried.push(`a reset failed: ${reset.words}`);
  return tried;
}

function kernelInWords(answer: KernelAnswer): string {
  const { attachment, state, requestsInFlight, errors, timeOuts, messages } = answer;
  const there = { same: 'shows the disk', another: 'shows another disk', none: 'shows no disk' };
  const parts = [`the kernel ${there[attachment]}${state === null ? '' : ` as ${state}`}`];
  if (requestsInFlight !== null) parts.push(counted(requestsInFlight, 'request', ' unanswered'));
  if (timeOuts !== null && timeOuts > 0) parts.push(counted(timeOuts, 'time-out'));
  if (errors !== null && errors > 0) parts.push(counted(errors, 'error'));
  const last = messages.at(-1);
  return `${parts.join(', ')}${last === undefined ? '' : ` and says: ${last}`}`;
}

function counted(n: number, what: string, rest = ''): string {
  return `${n} ${what}${n === 1 ? '' : 's'}${rest}`;
}
