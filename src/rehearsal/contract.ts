import type { Stage } from './stage.ts';

/** The parts of a station that faults come from, in the order of the list. */
export const GROUPS = ['media', 'attachment', 'identity', 'storage', 'station'] as const;
export type Group = (typeof GROUPS)[number];

/** One fault of the catalogue: what is said of it, and a function that makes it. */
export interface Rehearsal {
  /** As it is typed on the command line: words in small letters with dashes. */
  readonly name: string;
  readonly group: Group;
  /** How the fault is really made, in one line. */
  readonly made: string;
  /** What the station must do, in one line. */
  readonly happens: string;
  /**
   * What the technician reads, in one line. Each phrase in “quotes” must have been on a screen or in
   * the log by the end; `…` in it stands for anything.
   */
  readonly reads: string;
  /** Makes the fault and checks what must happen. Throws when it does not. */
  readonly play: (stage: Stage, signal: AbortSignal) => Promise<void>;
  /** Takes longer than about twelve seconds: only played when slow ones are asked for. */
  readonly slow?: true;
}

/**
 * What is told while a fault is played. `made`: done to a disk, the store or the station; `station`:
 * what the station says; `technician`: what a person does now, and why; `checked`: what held.
 */
export type StepKind = 'made' | 'station' | 'technician' | 'checked';

export interface Step {
  readonly kind: StepKind;
  readonly words: string;
}

/** Who listens while a fault is played. */
export interface Narrator {
  tell(step: Step): void;
  /** Called where the station has come to rest and nothing is lost by looking; resolves to go on. */
  pause(signal: AbortSignal): Promise<void>;
  /**
   * What the trainee has to do himself, as a command or a button. Without it the rehearsal does it;
   * with it, the rehearsal waits until it was done.
   */
  readonly ask?: (words: string) => void;
}

export const SILENT: Narrator = { tell: () => undefined, pause: () => Promise.resolve() };
