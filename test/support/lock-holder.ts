import { lockStateDirectory } from '../../src/ledger/state-lock.ts';

/** A process that holds the lock of the directory given as its argument until it is killed. */
const [, , directory] = process.argv;
if (directory === undefined) process.exit(2);
await lockStateDirectory(directory);
process.stdout.write('held\n');
setInterval(() => {}, 60_000);
