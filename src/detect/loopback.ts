import { access, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../errors.ts';
import type { DetectLogger } from './contract.ts';
import { type DiskIdentityFile, identityFileOf, readIdentityFile } from './identity-file.ts';

/** What a loop device is to us. */
export type LoopbackAnswer =
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'not-configured' }
  | { readonly kind: 'disk'; readonly identityFile: DiskIdentityFile };

const ELSEWHERE: LoopbackAnswer = { kind: 'elsewhere' };
const NOT_CONFIGURED: LoopbackAnswer = { kind: 'not-configured' };

/**
 * Decides which loop devices count as disks: those whose image lies directly in the configured
 * directory (one further below is somebody else's, a rehearsal's for example) and has an identity file
 * beside it. An identity is read once an attachment, like that of any disk.
 */
export class LoopbackDisks {
  readonly #directory: string | undefined;
  readonly #logger: DetectLogger;
  #identities = new Map<number, DiskIdentityFile>();
  #complained = new Set<string>();

  constructor(options: { directory: string | undefined }, dependencies: { logger: DetectLogger }) {
    this.#directory = options.directory;
    this.#logger = dependencies.logger;
  }

  async find(backingFile: string, diskseq: number): Promise<LoopbackAnswer> {
    if (!(await this.#holds(backingFile))) return ELSEWHERE;
    const known = this.#identities.get(diskseq);
    if (known !== undefined) return { kind: 'disk', identityFile: known };
    try {
      await access(identityFileOf(backingFile));
      const identityFile = await readIdentityFile(backingFile);
      this.#identities.set(diskseq, identityFile);
      return { kind: 'disk', identityFile };
    } catch (error) {
      this.#complain(backingFile, messageOf(error));
      return NOT_CONFIGURED;
    }
  }

  /** Forgets the attachments that are gone. */
  keepOnly(present: ReadonlySet<number>): void {
    this.#identities = new Map([...this.#identities].filter(([diskseq]) => present.has(diskseq)));
  }

  /** The kernel prints the resolved path of the image, so the directory is resolved as well. */
  async #holds(backingFile: string): Promise<boolean> {
    if (this.#directory === undefined) return false;
    const directory = await realpath(this.#directory).catch(() => this.#directory);
    return dirname(backingFile) === directory;
  }

  #complain(backingFile: string, reason: string): void {
    if (this.#complained.has(backingFile)) return;
    this.#complained.add(backingFile);
    const fields = { image: backingFile, reason };
    this.#logger.warn(fields, 'a loop device has no usable identity file and is left out');
  }
}
