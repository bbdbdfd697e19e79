import { join } from 'node:path';
import { openLedger, temporaryDirectory } from '../support/ledger.ts';
import { ledgerContract } from './ledger.ts';

ledgerContract('SQLite', async () => {
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
});
