import type { Rig } from './rig.ts';
import type { Store } from './store.ts';
import { type ProxyMode, TROUBLES } from './store-troubles.ts';

/** The way from a rehearsed station to its store: what goes wrong with it, and how slow it is. */
export class StageStore {
  readonly proxy: Rig['proxy'];
  readonly account: Rig['account'];
  /** The store itself. */
  readonly server: Store;
  readonly #tell: (words: string) => void;

  constructor({ proxy, account }: Rig, server: Store, tell: (words: string) => void) {
    this.proxy = proxy;
    this.account = account;
    this.server = server;
    this.#tell = tell;
  }

  /** What is held meets the new mode too. */
  mode(mode: ProxyMode): void {
    const words = mode === 'pass' ? 'is well again' : TROUBLES[mode].words;
    this.#tell(`The store ${words}.`);
    this.proxy.change(mode);
    this.proxy.open();
  }

  /** Each block waits for so long on its way in, and its answer on its way out. */
  slow(delayMs: number): void {
    this.proxy.delayMs = () => delayMs;
  }

  /** After so many blocks more, those that follow stay on their way until the copy is interrupted. */
  hold(blocks = 0): void {
    this.proxy.holdAfter(blocks);
  }

  /** Blocks pass at once. */
  release(): void {
    this.slow(0);
    this.proxy.open();
  }
}
