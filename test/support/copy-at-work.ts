import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Floor } from '../../src/work/floor.ts';
import { aDisk } from './domain.ts';
import { openLedger, temporaryDirectory, transferring } from './ledger.ts';

/** A drive in `Transferring` whose copy is on the floor, until the test has finished. */
export async function copyAtWork(monotonicMs = () => 0) {
  const directory = await temporaryDirectory();
  const ledger = await openLedger(join(directory.path, 'ledger.sqlite'));
  onTestFinished(async () => {
    await ledger.close();
    await directory[Symbol.asyncDispose]();
  });
  const ref = await transferring(ledger, 'job');
  const disk = aDisk({ serials: ['SERIAL1'] });
  const floor = new Floor(monotonicMs);
  const item = floor.begin(ref, { disk: disk.key, bay: disk.bay, rotational: true });
  return { directory, ledger, ref, disk, floor, item };
}
