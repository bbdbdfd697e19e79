import { isDeepStrictEqual } from 'node:util';
import type { OutageListeners } from '../blobs/outage.ts';
import type { FromCopy } from './messages.ts';

/** What is told of the store, the worst first. */
const TROUBLES = ['storage-away', 'storage-slow', 'storage-committing'] as const;
type Trouble = Extract<FromCopy, { readonly kind: (typeof TROUBLES)[number] }>;

/**
 * One word about the store for all containers of a copy, which are asked apart: the worst of what is
 * known of them. Only when all answer again it is back.
 */
export class StoreWord {
  readonly #report: (message: FromCopy) => void;
  readonly #troubles = new Map<symbol, Trouble>();
  #told: Trouble | undefined;

  constructor(report: (message: FromCopy) => void) {
    this.#report = report;
  }

  /** Hears of one container more. */
  listeners() {
    const container = Symbol('container');
    const hear = (trouble: Trouble) => {
      // What was heard last stands last.
      this.#troubles.delete(container);
      this.#troubles.set(container, trouble);
      this.#tell();
    };
    return {
      onAway: (detail: string) => hear({ kind: 'storage-away', detail }),
      onSlow: () => hear({ kind: 'storage-slow' }),
      onCommitting: () => hear({ kind: 'storage-committing' }),
      onBack: () => {
        this.#troubles.delete(container);
        this.#tell();
      },
    } satisfies OutageListeners;
  }

  #tell(): void {
    const before = this.#told;
    const now = this.#worst();
    if (isDeepStrictEqual(now, before)) return;
    this.#told = now;
    // One that was away and is only slow now is there again.
    const isBack = before?.kind === 'storage-away' && now?.kind !== 'storage-away';
    if (isBack || now === undefined) this.#report({ kind: 'storage-back' });
    if (now !== undefined) this.#report(now);
  }

  #worst(): Trouble | undefined {
    const all = [...this.#troubles.values()];
    for (const kind of TROUBLES) {
      const found = all.findLast((trouble) => trouble.kind === kind);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
