import { faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import { StationError } from '../errors.ts';
import type { Narrator, Rehearsal } from './contract.ts';
import { phrasesOf } from './heard.ts';
import { createScratch, freeScratchBytes, removeScratch, type Scratch, sweep } from './scratch.ts';
import { Stage, type StageDependencies } from './stage.ts';
import { Store } from './store.ts';

/** Images, ledgers and blobs of one rehearsal, several times over. */
const SPACE_BYTES = 1024 ** 3;
const INSTALL = 'apt-get install gcc libc6-dev pkg-config fuse3 libfuse3-dev';
/** A store in memory gives nothing back before it ends: the blobs of so many faults fit a small machine. */
const PLAYS_BEFORE_A_STORE = 8;

/** Why this machine cannot rehearse, and what to do about it; `undefined` when it can. */
export async function rehearsalUnavailable(): Promise<string | undefined> {
  const missing = faultDiskUnavailable();
  if (missing?.startsWith('not installed') === true) return `${missing}; on Debian: ${INSTALL}`;
  if (missing !== undefined) return missing;
  const free = await freeScratchBytes();
  if (free >= SPACE_BYTES) return undefined;
  return `only ${free} bytes are free for temporary files, and ${SPACE_BYTES} are needed (TMPDIR names another place)`;
}

/** One run: a scratch directory and a store, shared by the faults that are played one after the other. */
export class RehearsalRun implements AsyncDisposable {
  readonly #scratch: Scratch;
  #store: Store | undefined;
  #plays = 0;

  private constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  /** Clears up after runs that were killed. Throws `rehearsal-impossible` where this machine cannot. */
  static async create(): Promise<RehearsalRun> {
    const problem = await rehearsalUnavailable();
    if (problem !== undefined) {
      const words = `this machine cannot rehearse: ${problem}`;
      throw new StationError('rehearsal-impossible', words, { missing: [problem] });
    }
    await sweep();
    return new RehearsalRun(await createScratch());
  }

  /** Throws when something is not as the catalogue says. The disks and the station are gone then. */
  async play(rehearsal: Rehearsal, narrator: Narrator, signal: AbortSignal): Promise<void> {
    const dependencies = { store: await this.#freshStore(), narrator };
    try {
      await this.#playBefore(dependencies, rehearsal, signal);
    } catch (error) {
      // The blobs that it left would be in the way of its next play.
      await this.#endStore();
      throw error;
    }
  }

  async #playBefore(
    dependencies: StageDependencies,
    { name, reads, play }: Rehearsal,
    signal: AbortSignal,
  ): Promise<void> {
    await using stage = new Stage({ name, scratch: this.#scratch }, dependencies, signal);
    await play(stage, signal);
    stage.check(stage.strangers.length === 0, 'The private station saw no disk but its own.');
    for (const phrase of phrasesOf(reads)) {
      stage.check(stage.hasHeard(phrase), `A technician could read “${phrase}”.`);
    }
    if (stage.daemon.alive) await stage.events();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endStore();
    await removeScratch(this.#scratch);
  }

  async #freshStore(): Promise<Store> {
    this.#plays += 1;
    if (this.#plays % PLAYS_BEFORE_A_STORE === 0) await this.#endStore();
    this.#store ??= await Store.start(this.#scratch);
    return this.#store;
  }

  async #endStore(): Promise<void> {
    await this.#store?.[Symbol.asyncDispose]();
    this.#store = undefined;
  }
}
