import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DriveRef } from '../domain/job.ts';
import { messageOf } from '../errors.ts';
import { COPY_ABANDON_MS, STUCK_POLL_MS } from '../limits.ts';
import { readNote } from './note.ts';
import type { ProcessTable } from './process-table.ts';

/** What holds a disk beside tools. */
const COPY = 'copy';

const holderSchema = z.object({
  /** Of a tool, its process group. */
  pid: z.int().min(1),
  /** In ticks since boot; with the number it names the process. 0 for a tool. */
  start: z.int().min(0),
  bootId: z.string(),
  /** `copy`, or the name of a tool. */
  what: z.string(),
  /** The attachment that it has open; `null` for a tool that looks at all disks. */
  diskseq: z.int().nullable(),
  bay: z.string().nullable(),
  driveId: z.string().nullable(),
  jobId: z.string().nullable(),
  since: z.iso.datetime(),
});

/** A process that has, or may have, a disk open. */
export type DiskHolder = z.output<typeof holderSchema>;

/** What is known when it begins; which process it is, and since when it hangs, is found out here. */
export interface NewHolder {
  readonly pid: number;
  /** `copy`, or the name of a tool. */
  readonly what: string;
  readonly diskseq: number | null;
  readonly bay: string | null;
  readonly ref: DriveRef | null;
}

export interface DiskHoldersOptions {
  readonly directory: string;
  readonly bootId: string;
}

export interface DiskHoldersDependencies {
  readonly processes: ProcessTable;
  now(): Date;
  /** A clock that nobody can set. */
  monotonicMs(): number;
  readonly logger: {
    info(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
}

interface Entry {
  readonly holder: DiskHolder;
  /** By the clock that nobody can set, from when on it hangs; `undefined` while it works. */
  stuckFromMs: number | undefined;
}

/**
 * Which process has which disk open. A process that hangs in the kernel outlives its daemon, and each
 * further open of its disk would hang as well: so each one is written down before it opens a disk, and
 * the next daemon finds it. The files need no sync, since no process outlives the machine.
 */
export class DiskHolders {
  readonly #options: DiskHoldersOptions;
  readonly #deps: DiskHoldersDependencies;
  readonly #entries = new Map<number, Entry>();
  #timer: NodeJS.Timeout | undefined;
  #onChange: () => void = () => undefined;
  #shown: ReadonlySet<number> = new Set();

  private constructor(options: DiskHoldersOptions, dependencies: DiskHoldersDependencies) {
    this.#options = options;
    this.#deps = dependencies;
  }

  /** Finds what an earlier daemon left behind. */
  static async create(
    options: DiskHoldersOptions,
    dependencies: DiskHoldersDependencies,
  ): Promise<DiskHolders> {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    const holders = new DiskHolders(options, dependencies);
    for (const name of await readdir(options.directory)) await holders.#inherit(name);
    return holders;
  }

  /** Looks from now on whether the kernel lets anything go, and tells when what hangs has changed. */
  watch(onChange: () => void): void {
    this.#onChange = onChange;
    this.#timer = setInterval(() => {
      this.#look().catch((error) => {
        // Nobody holds the disk any more all the same; the next daemon drops what is left of the note.
        this.#deps.logger.info({ reason: messageOf(error) }, 'who hangs could not be looked at');
      });
    }, STUCK_POLL_MS);
    this.#tell();
  }

  /** To be called before the process can open its disk. */
  async began(holder: NewHolder): Promise<void> {
    await this.#note(holder, undefined);
  }

  async ended(pid: number): Promise<void> {
    this.#entries.delete(pid);
    await rm(this.#file(pid), { force: true });
  }

  /** It was killed and did not end. */
  async abandoned(holder: NewHolder): Promise<void> {
    await this.#note(holder, this.#deps.monotonicMs());
    this.#tell();
  }

  /** A tool was killed just now; it counts when it is still there after a moment. */
  async toolKilled(holder: NewHolder): Promise<void> {
    await this.#note(holder, this.#deps.monotonicMs() + COPY_ABANDON_MS);
  }

  /** As `toolKilled`, and holds up nobody; without a diskseq, of a tool that looks at all disks. */
  toolHangs(tool: Pick<NewHolder, 'pid' | 'what'> & Partial<NewHolder>): void {
    this.toolKilled({ diskseq: null, bay: null, ref: null, ...tool }).catch(() => undefined);
  }

  /** Those that hang, the longest first; one that may still end by itself is not among them. */
  get stuck(): readonly DiskHolder[] {
    const nowMs = this.#deps.monotonicMs();
    return [...this.#entries.values()]
      .filter(({ stuckFromMs }) => stuckFromMs !== undefined && stuckFromMs <= nowMs)
      .map(({ holder }) => holder)
      .sort((a, b) => a.since.localeCompare(b.since));
  }

  /** Who was left behind with this attachment open: nobody may open it beside. */
  leftBehindOn(diskseq: number): DiskHolder | undefined {
    const entries = [...this.#entries.values()];
    const left = entries.find(
      ({ holder, stuckFromMs }) => holder.diskseq === diskseq && stuckFromMs !== undefined,
    );
    return left?.holder;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #note({ ref, ...known }: NewHolder, stuckFromMs: number | undefined): Promise<void> {
    const start = known.what === COPY ? await this.#deps.processes.startOf(known.pid) : 0;
    if (start === undefined) return;
    const { bootId } = this.#options;
    const since = this.#deps.now().toISOString();
    const { jobId = null, driveId = null } = ref ?? {};
    const holder = { ...known, jobId, driveId, start, bootId, since };
    this.#entries.set(known.pid, { holder, stuckFromMs });
    const temporary = `${this.#file(known.pid)}.new`;
    await writeFile(temporary, JSON.stringify(holder), { mode: 0o600 });
    await rename(temporary, this.#file(known.pid));
  }

  /** One that an earlier daemon started is of no use to this one; usually it is ending just now. */
  async #inherit(name: string): Promise<void> {
    const file = join(this.#options.directory, name);
    const holder = readNote(holderSchema, await readFile(file, 'utf8'));
    const { processes, monotonicMs, logger } = this.#deps;
    const lives = holder?.bootId === this.#options.bootId && (await this.#lives(holder));
    if (holder === undefined || !lives) return await rm(file, { force: true });
    if (holder.what === COPY) processes.kill(holder.pid);
    const { pid, what, bay } = holder;
    logger.info({ pid, what, bay }, 'a process of an earlier daemon still has its disk open');
    this.#entries.set(pid, { holder, stuckFromMs: monotonicMs() + COPY_ABANDON_MS });
  }

  /** Looks whether the kernel has let anything go. */
  async #look(): Promise<void> {
    for (const [pid, { holder, stuckFromMs }] of this.#entries) {
      if (stuckFromMs === undefined) continue;
      if (await this.#lives(holder)) continue;
      this.#deps.logger.info({ pid, what: holder.what }, 'the kernel has let a process go');
      await this.ended(pid);
    }
    this.#tell();
  }

  async #lives({ what, pid, start }: DiskHolder): Promise<boolean> {
    const { processes } = this.#deps;
    return what === COPY ? await processes.lives(pid, start) : await processes.groupLives(pid);
  }

  #tell(): void {
    const { stuck } = this;
    const shown = new Set(stuck.map(({ pid }) => pid));
    const fresh = stuck.filter(({ pid }) => !this.#shown.has(pid));
    if (fresh.length === 0 && shown.size === this.#shown.size) return;
    this.#shown = shown;
    for (const { pid, what, bay } of fresh) {
      this.#deps.logger.error({ pid, what, bay }, 'a process hangs in the kernel and is abandoned');
    }
    this.#onChange();
  }

  #file(pid: number): string {
    return join(this.#options.directory, `${pid}.json`);
  }
}
