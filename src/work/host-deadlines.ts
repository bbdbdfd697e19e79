import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { ehDeadline, NO_SUCH_LIMIT, scsiHostOf, setEhDeadline } from '../detect/kernel-settings.ts';
import type { Setting } from '../domain/admission.ts';
import type { AttachedDisk, DiskKey } from '../domain/disk.ts';
import { messageOf } from '../errors.ts';
import { readNote } from './note.ts';

export interface HostDeadlinesOptions {
  /** Holds a note of each host that was changed. */
  readonly directory: string;
  readonly bootId: string;
  /** How long the errors of a host are handled before it is reset, in milliseconds; 0: as it is. */
  readonly ehDeadlineMs: number;
  /** Where sysfs is mounted; `/sys` when left out. */
  readonly sysRoot?: string;
}

export interface HostDeadlinesDependencies {
  readonly logger: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

const noteSchema = z.object({ bootId: z.string(), host: z.string(), setMs: z.int() });
type Note = z.output<typeof noteSchema>;

const NAME = 'eh-deadline';

/**
 * The limit on the kernel's handling of errors (`eh_deadline`) of the SCSI hosts whose disks are copied.
 *
 * A host is a controller, or a port of one, and its disks share it: while the kernel handles the errors of
 * one, no command goes to any of them. So the limit is set for the sake of the neighbours. Past it the host
 * is reset, and what the neighbours had under way is tried again by the kernel. That is done to the disks
 * of customers alone: a host with any other disk on it stays as it is.
 *
 * It outlives the disk, so it is held while a copy needs it and given back after the last one, by the next
 * daemon if this one is killed: what was changed is written down before.
 */
export class HostDeadlines {
  readonly #options: HostDeadlinesOptions;
  readonly #deps: HostDeadlinesDependencies;
  readonly #users = new Map<string, Set<DiskKey>>();
  /** One change at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: HostDeadlinesOptions, dependencies: HostDeadlinesDependencies) {
    this.#options = options;
    this.#deps = dependencies;
  }

  /** Gives back what an earlier daemon has left. */
  static async create(
    options: HostDeadlinesOptions,
    dependencies: HostDeadlinesDependencies,
  ): Promise<HostDeadlines> {
    const { directory } = options;
    const deadlines = new HostDeadlines(options, dependencies);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const found = await readdir(directory, { withFileTypes: true });
      for (const { name } of found.filter((entry) => entry.isFile()))
        await deadlines.#inherit(name);
    } catch (error) {
      const problem = messageOf(error);
      dependencies.logger.warn({ directory, problem }, 'what was set of hosts cannot be looked up');
    }
    return deadlines;
  }

  /**
   * Limits the host of a disk until `release`. Answers nothing for a disk on none. `customers` are the
   * devices of all disks that are nobody else's.
   */
  hold(
    { key, devicePath }: Pick<AttachedDisk, 'key' | 'devicePath'>,
    customers: ReadonlySet<string>,
  ): Promise<Setting | undefined> {
    return this.#inTurn(async () => {
      const host = await scsiHostOf(devicePath, this.#sysRoot);
      if (host === undefined) return undefined;
      const { ehDeadlineMs: wantedMs } = this.#options;
      const users = this.#users.get(host.name);
      if (users !== undefined) {
        users.add(key);
        return { name: NAME, now: wantedMs, outcome: 'set', before: 'off' };
      }
      const now = await ehDeadline(host.name, this.#sysRoot);
      const keep = (why: string): Setting => ({ name: NAME, now, outcome: 'kept', why });
      if (wantedMs === 0) return keep('so configured');
      if (now === 'unknown') return keep('the kernel has no such limit');
      if (now !== 'off') return keep('somebody has set it');
      const other = host.disks.find((name) => !customers.has(name));
      if (other !== undefined) return keep(`${other} hangs on ${host.name} too`);
      const problem = await this.#set(host.name, wantedMs);
      if (problem === NO_SUCH_LIMIT) return keep(problem);
      if (problem !== undefined) return { name: NAME, now, outcome: 'failed', why: problem };
      this.#users.set(host.name, new Set([key]));
      return { name: NAME, now: wantedMs, outcome: 'set', before: now };
    });
  }

  /** The disk's copy has ended, in whatever way. */
  release(key: DiskKey): Promise<void> {
    return this.#inTurn(async () => {
      for (const [host, users] of this.#users) {
        users.delete(key);
        // A host that recovers from an error refuses: it is asked again after the next copy.
        if (users.size === 0 && (await this.#giveBack(host))) this.#users.delete(host);
      }
    });
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      for (const host of this.#users.keys()) await this.#giveBack(host);
      this.#users.clear();
    });
  }

  get #sysRoot(): string {
    return this.#options.sysRoot ?? '/sys';
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #set(host: string, setMs: number): Promise<string | undefined> {
    const { bootId } = this.#options;
    const note: Note = { bootId, host, setMs };
    const file = this.#file(host);
    try {
      await writeFile(`${file}.new`, JSON.stringify(note), { mode: 0o600 });
      await rename(`${file}.new`, file);
    } catch (error) {
      return `it could not be written down: ${messageOf(error)}`;
    }
    const problem = await setEhDeadline(host, setMs, this.#sysRoot);
    if (problem !== undefined) await rm(file, { force: true });
    return problem;
  }

  /** Whether the kernel took it. */
  async #giveBack(host: string): Promise<boolean> {
    const { logger } = this.#deps;
    const problem = await setEhDeadline(host, 'off', this.#sysRoot);
    if (problem === undefined) await rm(this.#file(host), { force: true });
    else logger.warn({ host, problem }, 'the error handling of a host keeps its limit for now');
    return problem === undefined;
  }

  /** Only what an earlier daemon set in this boot, and nobody has changed since, is given back. */
  async #inherit(name: string): Promise<void> {
    const file = join(this.#options.directory, basename(name));
    const note = readNote(noteSchema, await readFile(file, 'utf8'));
    const { bootId } = this.#options;
    const now = note && (await ehDeadline(note.host, this.#sysRoot));
    if (note === undefined || note.bootId !== bootId || now !== note.setMs) {
      return await rm(file, { force: true });
    }
    const { host } = note;
    this.#deps.logger.info({ host }, 'an earlier daemon had limited the error handling of a host');
    if (!(await this.#giveBack(host))) this.#users.set(host, new Set());
  }

  #file(host: string): string {
    return join(this.#options.directory, `${host}.json`);
  }
}
