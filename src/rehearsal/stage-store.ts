import type { Rig } from './rig.ts';
import type { Store } from './store.ts';
import { type ProxyMode, TROUBLES } from './store-troubles.ts';

/** Shorter than any deadline of a request. */
const HELD_MS = 10_000;

/** The way from a rehearsed station to its store: what goes wrong with it, and how slow it is. */
export class StageStore {
  readonly proxy: Rig['proxy'];
  readonly account: Rig['account'];
  /** The store itself. */
  readonly server: Store;
  readonly #tell: (words: string) => void;
  #holds = false;

  constructor({ proxy, account }: Rig, server: Store, tell: (words: string) => void) {
    this.proxy = proxy;
    this.account = account;
    this.server = server;
    this.#tell = tell;
  }

  mode(mode: ProxyMode): void {
    const words = mode === 'pass' ? 'is well again' : TROUBLES[mode].words;
    this.#tell(`The store ${words}.`);
    // What is held would arrive in the midst of the trouble.
    this.proxy.change(mode, { cut: this.#holds });
  }

  /** Each block waits for so long on its way in, and its answer on its way out. */
  slow(delayMs: number): void {
    this.#holds = false;
    this.proxy.delayMs = () => delayMs;
  }

  /** Blocks stay on their way until the copy is interrupted. */
  hold(): void {
    this.slow(HELD_MS);
    this.#holds = true;
  }

  /** Lets blocks pass at once; those that are held are sent again. */
  release(): void {
    const { mode } = this.proxy;
    this.proxy.change(mode, { cut: this.#holds });
    this.slow(0);
  }

  /** Whether blocks are held. */
  get holds(): boolean {
    return this.#holds;
  }
}
