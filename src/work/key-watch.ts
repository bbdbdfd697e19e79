import type { SqliteLedger } from '../ledger/sqlite.ts';
import { SECRETS_LOOK_MS } from '../limits.ts';
import { Rounds } from './rounds.ts';
import type { Troubles } from './troubles.ts';

export interface KeyWatchDependencies {
  readonly ledger: Pick<SqliteLedger, 'foreignSecrets'>;
  readonly troubles: Pick<Troubles, 'hold' | 'end'>;
}

/** Tells before a drive fails of it that secrets in the ledger were sealed with another key. */
export function keyWatch({ ledger, troubles }: KeyWatchDependencies): Rounds {
  return new Rounds(SECRETS_LOOK_MS, async () => {
    try {
      const count = ledger.foreignSecrets();
      if (count === 0) troubles.end('secrets-of-other-key');
      else troubles.hold('secrets-of-other-key', wordsOf(count));
    } catch {
      // Whoever needs the ledger meets its trouble as well, and tells of it.
    }
  });
}

function wordsOf(count: number): string {
  const secrets = count === 1 ? '1 secret' : `${count} secrets`;
  return `${secrets} in the ledger (BitLocker keys, credentials of jobs) cannot be opened: another key sealed them than the station has now.`;
}
