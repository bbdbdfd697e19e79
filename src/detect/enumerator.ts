import { isStationError, messageOf } from '../errors.ts';
import { runChildScript } from './child-script.ts';
import type { DetectLogger } from './contract.ts';
import { type Enumeration, enumerationSchema } from './enumeration.ts';
import type { EnumeratedDisk } from './identity.ts';

/** Enumerations that hang in the kernel at once; beyond that no further one is started. */
const MAX_HUNG = 3;

export interface EnumeratorDependencies {
  readonly logger: DetectLogger;
  /** Called when an enumeration has ended, well or not. */
  onAnswer(): void;
  /** lsblk hangs; with the id of its process group. */
  onAbandoned?(group: number): void;
}

interface Answer {
  /** The attachments that were there when it was asked for: name to `diskseq`. */
  readonly asked: ReadonlyMap<string, number>;
  readonly enumeration: Enumeration | undefined;
}

/**
 * Asks the enumerating packages, in a child, when the set of disks has changed and not otherwise. An
 * answer is used only for an attachment that was there when it was asked for, since names are reused.
 */
export class Enumerator {
  readonly #deps: EnumeratorDependencies;
  readonly #stop = new AbortController();
  #askedFor: string | undefined;
  #running: Promise<void> | undefined;
  #answer: Answer | undefined;
  #hung = 0;

  constructor(dependencies: EnumeratorDependencies) {
    this.#deps = dependencies;
  }

  /** Starts an enumeration when `fingerprint` is new and none runs; never waits. */
  request(fingerprint: string, present: ReadonlyMap<string, number>): void {
    if (this.#running !== undefined || this.#askedFor === fingerprint) return;
    this.#askedFor = fingerprint;
    if (this.#hung >= MAX_HUNG) {
      this.#deps.logger.error({ hung: this.#hung }, 'lsblk hangs; disks are identified without it');
      this.#answer = { asked: present, enumeration: undefined };
      return;
    }
    this.#running = this.#run(present).finally(() => {
      this.#running = undefined;
      if (!this.#stop.signal.aborted) this.#deps.onAnswer();
    });
  }

  /** Whether this attachment has been asked about, with or without an answer. */
  covers(name: string, diskseq: number): boolean {
    return this.#answer?.asked.get(name) === diskseq;
  }

  find(name: string, diskseq: number): EnumeratedDisk | undefined {
    const enumeration = this.covers(name, diskseq) ? this.#answer?.enumeration : undefined;
    const drive = enumeration?.drives.find((item) => item.device === `/dev/${name}`);
    const blockDevice = enumeration?.blockDevices.find((item) => item.name === name);
    if (drive === undefined && blockDevice === undefined) return undefined;
    return {
      ...(drive === undefined ? {} : { drive }),
      ...(blockDevice === undefined ? {} : { blockDevice }),
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(asked: ReadonlyMap<string, number>): Promise<void> {
    const onLateEnd = () => {
      this.#hung -= 1;
    };
    try {
      const onAbandoned = (group: number) => this.#deps.onAbandoned?.(group);
      const ends = { onLateEnd, onAbandoned };
      const child = { script: 'enumerate-child.ts', schema: enumerationSchema, ...ends };
      const enumeration = await runChildScript(child, this.#stop.signal);
      this.#answer = { asked, enumeration };
      for (const words of enumeration.failures) {
        this.#deps.logger.warn({ words }, 'a package could not enumerate the disks');
      }
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (isStationError(error, 'tool-timed-out')) this.#hung += 1;
      this.#answer = { asked, enumeration: undefined };
      const fields = { reason: messageOf(error), hung: this.#hung };
      this.#deps.logger.warn(fields, 'the disks could not be enumerated; sysfs goes on alone');
    }
  }
}
