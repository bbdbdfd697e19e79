import { copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { releaseAll } from '../../../native-fixtures/loop-disk.ts';
import { type Operation, readOperations } from '../../../native-fixtures/record-disk/operations.ts';
import { writeState } from '../../../native-fixtures/record-disk/write-state.ts';
import { RecordDisk } from '../../../native-fixtures/record-disk.ts';
import { unlessMissing } from '../../../src/blobs/durable-file.ts';
import { configSchema } from '../../../src/config.ts';
import { createLog } from '../../../src/log.ts';
import { Station } from '../../../src/station.ts';
import { syncPath } from '../../../src/sync-path.ts';
import { ACCOUNT, CONTAINER, jobOf } from '../disks.ts';
import { type LedgerFindings, readLedger } from '../ledger-file.ts';
import { leftovers } from './leftovers.ts';
import { keptBlocks } from './rescued.ts';
import type { CrashState } from './states.ts';
import { lookIntoStore, type StoreFindings } from './store.ts';

/**
 * Runs a station on a state directory and a store, from start to the end of its one drive, and looks at
 * both before and after. The station is the real one, in this process, with real copy processes; the
 * disk is plugged in all the time.
 */

const SETTLE_DEADLINE_MS = 240_000;
const TIDY_DEADLINE_MS = 30_000;
const POLL_MS = 15;
const SETTLED = new Set(['Completed', 'CompletedMoreInfo', 'Faulted']);
/** pino's numbers: a warning and worse. */
const WARN = 40;

const drives = z.object({ drives: z.array(z.object({ driveId: z.string(), state: z.string() })) });
const logLine = z.looseObject({ level: z.number(), msg: z.string() });

export interface Moment {
  readonly ledger: LedgerFindings;
  readonly store: StoreFindings;
  /** Where the blocks begin that are not whole and of which something is kept. */
  readonly kept: ReadonlySet<number>;
}

export interface Restart {
  readonly before: Moment;
  readonly after: Moment;
  /** The job was in the ledger already. */
  readonly knewJob: boolean;
  /** Block files that were put into the store of blobs, and blobs. */
  readonly stored: readonly string[];
  /** Paths that should not be there any more. */
  readonly left: readonly string[];
  /** What the log said that is no good news. */
  readonly warnings: readonly string[];
}

/** A place to run stations at, one after the other, all before the same plugged disk. */
export class Workplace implements AsyncDisposable {
  readonly directory: string;
  readonly disksDirectory: string;
  readonly job: string;
  readonly #serial: string;
  #counting: RecordDisk | undefined;
  #logBytes = 0;
  #runs = 0;

  private constructor(directory: string, job: string, serial: string) {
    this.directory = directory;
    this.disksDirectory = join(directory, 'disks');
    this.job = job;
    this.#serial = serial;
  }

  /** The job is one of a single drive. */
  static async create(job: string, serial: string): Promise<Workplace> {
    const directory = await mkdtemp(join(tmpdir(), 'drive-station-crash-'));
    for (const name of ['lower', 'mount', 'disks']) await mkdir(join(directory, name));
    return new Workplace(directory, job, serial);
  }

  /** What a station writes from its first start to the end of its drive, with marks between. */
  async record(): Promise<readonly Operation[]> {
    {
      await using disk = await this.#mounted(false);
      await mkdir(join(this.#mount, 'store'));
      await syncPath(this.#mount);
      await disk.mark('begin');
      await this.#run(this.#mount, (mark) => disk.mark(mark));
    }
    const { operations } = await readOperations(this.#log);
    this.#counting = await this.#mounted(true);
    return operations;
  }

  /** Makes the state and starts a station on it; `prepare` sees its directory first. */
  async restart(
    { state }: CrashState,
    prepare: (root: string) => Promise<void> = async () => undefined,
  ): Promise<Restart> {
    const name = `run-${this.#runs++}`;
    const lower = join(this.#lower, name);
    await writeState(state, lower);
    try {
      const before = await this.#look(lower);
      await prepare(lower);
      const { knewJob, warnings } = await this.#run(join(this.#mount, name));
      // A new job has just begun then, and is cut short.
      const left = knewJob ? await this.#left(lower) : [];
      const after = await this.#look(lower);
      const stored = await this.#stored(`/${name}/store/${CONTAINER}`);
      return { before, after, knewJob, stored, left, warnings };
    } finally {
      await rm(lower, { recursive: true, force: true });
    }
  }

  /**
   * A station on directories below a mount, until its drive has settled. One that has not heard of the
   * job any more is an empty one; that it takes the job is all there is to see, except in a recording.
   */
  async #run(root: string, mark?: (words: string) => Promise<void>) {
    const warnings: string[] = [];
    const log = createLog('warn', { write: (line) => void warnings.push(...warningIn(line)) });
    const station = await Station.create(this.#config(root), log);
    try {
      const knewJob = (await ask(station, `jobs/${this.job}`)).ok;
      if (!knewJob) await this.#post(station);
      await mark?.('acknowledged');
      if (knewJob || mark !== undefined) await settled(station, warnings);
      await mark?.('settled');
      return { knewJob, warnings: [...warnings] };
    } finally {
      await station.close();
    }
  }

  #mounted(namesOnly: boolean): Promise<RecordDisk> {
    return RecordDisk.mount({
      ...{ lower: this.#lower, mount: this.#mount },
      ...{ log: this.#log, namesOnly },
    });
  }

  get #log(): string {
    return join(this.directory, 'log');
  }

  get #mount(): string {
    return join(this.directory, 'mount');
  }

  get #lower(): string {
    return join(this.directory, 'lower');
  }

  #config(root: string) {
    const directory = join(root, 'store');
    return configSchema.parse({
      station: { stateDirectory: join(root, 'state'), reserveBytes: 0 },
      http: { port: 0 },
      detect: {
        ...{ loopbackDirectory: this.disksDirectory, loopbackOnly: true },
        ...{ settleMs: 0, scanIntervalMs: 100 },
      },
      copy: { retryDelayMs: 100 },
      storageAccounts: { [ACCOUNT]: { kind: 'directory', directory } },
    });
  }

  async #post({ url }: Station): Promise<void> {
    const response = await fetch(`${url}/api/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(jobOf(this.job, [this.#serial])),
    });
    if (!response.ok) throw new Error(`the job was refused: ${await response.text()}`);
  }

  /** The ledger is looked at in a copy: whoever opens it repairs it. */
  async #look(root: string): Promise<Moment> {
    const look = join(this.directory, 'look');
    await mkdir(look);
    const files = (await unlessMissing(readdir(join(root, 'state')))) ?? [];
    for (const file of files.filter((name) => name.startsWith('ledger.sqlite'))) {
      if (!file.endsWith('-shm')) await copyFile(join(root, 'state', file), join(look, file));
    }
    try {
      const ledger = await readLedger(look);
      const store = await lookIntoStore(join(root, 'store'), CONTAINER);
      return { ledger, store, kept: await keptBlocks(join(root, 'state', 'journals')) };
    } finally {
      await rm(look, { recursive: true });
    }
  }

  /** What is done after the answer may take a moment. */
  async #left(root: string): Promise<string[]> {
    const end = performance.now() + TIDY_DEADLINE_MS;
    for (;;) {
      const left = await leftovers(root);
      if (left.length === 0 || performance.now() > end) return left;
      await sleep(100);
    }
  }

  async #stored(container: string): Promise<string[]> {
    await this.#counting?.mark('looked at');
    const { operations, nextBytes } = await readOperations(this.#log, this.#logBytes);
    this.#logBytes = nextBytes;
    return operations.flatMap((operation) => {
      if (operation.kind !== 'rename' || !operation.to.startsWith(`${container}/`)) return [];
      const name = operation.to.split('/').at(-1) ?? '';
      return operation.to.includes('/unfinished/') ? [] : [name];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await releaseAll(this.disksDirectory);
    await this.#counting?.[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true, force: true });
  }
}

function ask({ url }: Station, path: string): Promise<Response> {
  return fetch(`${url}/api/v1/${path}`);
}

async function settled(station: Station, warnings: readonly string[]): Promise<void> {
  const end = performance.now() + SETTLE_DEADLINE_MS;
  while (performance.now() < end) {
    const view = drives.parse(await (await ask(station, 'drives')).json());
    if (view.drives.some(({ state }) => SETTLED.has(state))) return;
    await sleep(POLL_MS);
  }
  throw new Error(`the drive did not settle: ${warnings.join('; ')}`);
}

function warningIn(line: string): string[] {
  const { level, msg, ...more } = logLine.parse(JSON.parse(line));
  return level < WARN ? [] : [`${msg} ${JSON.stringify(more)}`];
}
