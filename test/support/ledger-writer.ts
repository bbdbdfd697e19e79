import { driveKey } from '../../src/domain/job.ts';
import type { CopyTask, DriveChange } from '../../src/ledger/contract.ts';
import { BOUND_DISK, openLedger, transferring } from './ledger.ts';

/**
 * A process that writes to the ledger given as its argument until it is killed. Of each task it says
 * `put` once that is durable, `settling` before it ends it, and `done` once that is durable.
 */
const [, , file, name] = process.argv;
if (file === undefined || name === undefined) process.exit(2);
const ledger = await openLedger(file);
const store = ledger.queueStore();
const ref = await transferring(ledger, name);
const fault = {
  code: 'x',
  reason: 'r',
  nextStep: 'n',
  since: '',
  publicState: 'Transferring',
} as const;

for (let round = 0; ; round++) {
  const task: CopyTask = { id: `${driveKey(ref)}#${round}`, ref };
  await store.put(task);
  process.stdout.write(`put ${task.id}\n`);
  await change({ event: 'faulted', fault });
  await change({ event: 'resolved-for-retry' });
  const copy = await ledger.beginCopyAttempt(ref, BOUND_DISK);
  await change({ event: 'copy-started', copyId: copy.id });
  await new Promise((resolve) => store.takeFirstN(1, resolve));
  process.stdout.write(`settling ${task.id}\n`);
  await store.settle(task.id, { kind: 'finished' });
  process.stdout.write(`done ${task.id}\n`);
}

async function change(to: DriveChange): Promise<void> {
  await ledger.transitionDrive(ref, to, 'station');
}
