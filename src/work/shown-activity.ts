import type { FromCopy } from '../copy/messages.ts';
import type { DriveActivity } from '../domain/job.ts';

/**
 * What the screens show of a running copy: what it does, unless its store is slow or takes its time over
 * a commit. Once that is well again they show what it does by then, which need not be what it did before.
 */
export class ShownActivity {
  #doing: DriveActivity = { kind: 'copying' };

  /** What a message of the copy changes; `undefined` when it changes nothing that is shown. */
  after(message: FromCopy, now: Date): DriveActivity | undefined {
    switch (message.kind) {
      case 'phase':
        this.#doing = { kind: message.phase === 'settling' ? 'settling' : 'copying' };
        return this.#doing;
      case 'rescuing': {
        const { openBytes, unreadableBytes } = message;
        this.#doing = { kind: 'rescuing', openBytes, unreadableBytes };
        return this.#doing;
      }
      case 'storage-slow':
        return { kind: 'slow-storage', since: now.toISOString() };
      case 'storage-committing':
        return { kind: 'waiting-for-commit', since: now.toISOString() };
      case 'storage-back':
        return this.#doing;
      case 'storage-away':
      case 'progress':
      case 'reconciled':
      case 'tool-abandoned':
      case 'volume-opened':
      case 'planned':
      case 'ready':
      case 'alive':
      case 'settled':
      case 'failed':
        return undefined;
    }
  }
}
