import { join } from 'node:path';
import { openLedger, temporaryDirectory } from '../support/ledger.ts';
import { type LedgerUnderTest, ledgerContract } from './ledger.ts';
import { dockContract } from './ledger-docks.ts';
import { onceContract } from './ledger-once.ts';
import { parcelContract } from './ledger-parcels.ts';

ledgerContract('SQLite', open);
onceContract('SQLite', open);
dockContract('SQLite: docks', open);
parcelContract('SQLite: parcels, extra drives and alerts', open);

async function open(): Promise<LedgerUnderTest> {
  const directory = await temporaryDirectory();
  const file = join(directory.path, 'ledger.sqlite');
  const first = await openLedger(file);
  let ledger = first;
  return {
    ledger: first,
    reopen: async () => {
      await ledger.close();
      ledger = await openLedger(file);
      return ledger;
    },
    [Symbol.asyncDispose]: async () => {
      await ledger.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}
