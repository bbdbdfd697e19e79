import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CopyJournal, type JournalRecord, readJournal } from '../../../src/copy/journal.ts';
import { writeRescueFile } from '../../../src/copy/rescue-file.ts';
import { Scratch } from '../../../src/copy/scratch.ts';
import { CAN_MOUNT, smallDisk } from '../../support/small-disk.ts';

/** A copy journal, and what lies beside it, on a disk that is really full. */

const COPY = { copyId: 'copy-1', nonce: '0011223344556677' };
const FULL = { code: 'state-disk-failed', payload: { problem: 'full' } };
const staged = (index: number): JournalRecord => ({
  ...{ kind: 'staged', blob: 'disk.img', index },
  id: `id-${index}-${'x'.repeat(500)}`,
});

describe.skipIf(!CAN_MOUNT)('a journal on a full disk', () => {
  it('counts no record that did not fit, and none after it', async () => {
    await using small = await smallDisk(1024 * 1024);
    const file = join(small.path, 'copy.journal');
    const journal = await CopyJournal.start(file, COPY, []);
    await small.disk.fill();
    const safe: number[] = [];
    const append = (index: number) => journal.append(staged(index)).then(() => safe.push(index));
    let refused: unknown;
    for (let index = 0; refused === undefined; index++) {
      await append(index).catch((error) => {
        refused = error;
      });
    }
    expect(refused).toMatchObject(FULL);
    // Half of the record that did not fit is in the file: one behind it would never be found.
    await small.disk.makeRoom();
    const late = [9001, 9002].map((index) => append(index));
    for (const refusal of late) await expect(refusal).rejects.toMatchObject(FULL);
    await journal.close();
    const found = await Array.fromAsync(readJournal(file));
    const indexes = found.flatMap((record) => (record.kind === 'staged' ? [record.index] : []));
    expect(indexes).toEqual(safe);
  });

  it('is not begun, and the old one stays as it was', async () => {
    await using small = await smallDisk(1024 * 1024);
    const file = join(small.path, 'copy.journal');
    await (await CopyJournal.start(file, COPY, [staged(1)])).close();
    await small.disk.fill();
    const many = Array.from({ length: 3000 }, (_, index) => staged(index));
    await expect(CopyJournal.start(file, COPY, many)).rejects.toMatchObject(FULL);
    expect(await Array.fromAsync(readJournal(file))).toHaveLength(2);
    await small.disk.makeRoom();
    await (await CopyJournal.start(file, COPY, [staged(1), staged(2)])).close();
    expect(await Array.fromAsync(readJournal(file))).toHaveLength(3);
  });
});

describe.skipIf(!CAN_MOUNT)('what a rescue keeps, on a full disk', () => {
  it('is refused as the station’s trouble and not as the drive’s', async () => {
    await using small = await smallDisk(1024 * 1024);
    const scratch = await Scratch.create(join(small.path, 'scratch'), COPY.nonce);
    await small.disk.fill();
    await expect(scratch.write(0, 0, Buffer.alloc(256 * 1024))).rejects.toMatchObject(FULL);
    const map = join(small.path, 'copy.map');
    await expect(writeRescueFile(map, Buffer.alloc(256 * 1024))).rejects.toMatchObject(FULL);
    await scratch.close();
  });
});
