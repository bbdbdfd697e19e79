import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { throwIfCancelled } from '../errors.ts';
import type { Narrator, Step, StepKind } from './contract.ts';

/** How a rehearsal is told on a terminal, and how a trainee takes part in it. */

export interface NarrateOptions {
  /** Waits for Enter where the station has come to rest. */
  readonly pauses: boolean;
  /** The trainee plugs and answers himself. */
  readonly handsOn: boolean;
}

export interface NarrateDependencies {
  print(line: string): void;
  now(): Date;
  readonly input: NodeJS.ReadableStream;
}

const WHO: Readonly<Record<StepKind, string>> = {
  made: 'done',
  station: 'station',
  technician: 'you',
  checked: 'checked',
};
const WHO_WIDTH = 8;
const YOUR_TURN = 'now you';

/** Lines with the time of day: who did or said what. */
export class Storyteller implements Narrator, Disposable {
  readonly ask?: (words: string) => void;
  readonly #deps: NarrateDependencies;
  readonly #lines: Interface | undefined;
  #ended = false;

  constructor(options: NarrateOptions, dependencies: NarrateDependencies) {
    this.#deps = dependencies;
    if (options.handsOn) this.ask = (words) => this.#line(YOUR_TURN, words);
    if (!options.pauses) return;
    // Not a terminal for it: Ctrl-C has to end the rehearsal and not the line.
    this.#lines = createInterface({ input: dependencies.input, terminal: false });
    this.#lines.once('close', () => {
      this.#ended = true;
    });
  }

  tell({ kind, words }: Step): void {
    this.#line(WHO[kind], words);
  }

  /** Returns at once without pauses, and when there is nobody any more who could press Enter. */
  async pause(signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    if (this.#lines === undefined || this.#ended) return;
    this.#line('', 'Look at the page. Press Enter to go on.');
    const left = new AbortController();
    const either = { signal: AbortSignal.any([signal, left.signal]) };
    await Promise.race([
      once(this.#lines, 'line', either),
      once(this.#lines, 'close', either),
    ]).catch(() => throwIfCancelled(signal));
    left.abort();
  }

  [Symbol.dispose](): void {
    this.#lines?.close();
  }

  #line(who: string, words: string): void {
    const time = this.#deps.now().toTimeString().slice(0, 8);
    this.#deps.print(`${time}  ${who.padEnd(WHO_WIDTH)} ${words}`);
  }
}
