import type { BlobContainer } from '../../blobs/contract.ts';
import { CONTAINERS_KEPT } from '../../limits.ts';

/** The containers that the files of a drive go to, each made at its first use. */
export class Containers {
  readonly #open: (name: string) => Promise<BlobContainer>;
  readonly #kept = new Map<string, Promise<BlobContainer>>();

  constructor(open: (name: string) => Promise<BlobContainer>) {
    this.#open = open;
  }

  get(name: string, signal: AbortSignal): Promise<BlobContainer> {
    const kept = this.#kept.get(name);
    if (kept !== undefined) return kept;
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= CONTAINERS_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    const opened = this.#openAndEnsure(name, signal);
    this.#kept.set(name, opened);
    opened.catch(() => this.#kept.delete(name));
    return opened;
  }

  async #openAndEnsure(name: string, signal: AbortSignal): Promise<BlobContainer> {
    const container = await this.#open(name);
    await container.ensure(signal);
    return container;
  }
}
