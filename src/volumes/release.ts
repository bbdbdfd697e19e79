import { messageOf, StationError } from '../errors.ts';

/** Gives what it could not let go of, in words. */
export type ReleaseStep = () => Promise<readonly string[]>;

/** What has to be let go of, last taken first; each step runs, whatever became of the others. */
export class Release {
  readonly #steps: ReleaseStep[] = [];
  #run: Promise<readonly string[]> | undefined;

  add(step: ReleaseStep): void {
    this.#steps.push(step);
  }

  /** Runs once; gives what is left. */
  run(): Promise<readonly string[]> {
    this.#run ??= this.#all();
    return this.#run;
  }

  /** Throws `volume-not-released` when something is left. */
  async close(): Promise<void> {
    const left = await this.run();
    if (left.length === 0) return;
    const words = `after the drive was read, ${left.join(', ')} did not go away in time`;
    throw new StationError('volume-not-released', words, { left });
  }

  async #all(): Promise<readonly string[]> {
    const left: string[] = [];
    for (const step of this.#steps.toReversed()) {
      try {
        left.push(...(await step()));
      } catch (error) {
        left.push(messageOf(error));
      }
    }
    return left;
  }
}
