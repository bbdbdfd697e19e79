import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { retireJournal } from '../../../../src/copy/files/retired-journal.ts';
import { blobName } from '../../../contract/blobs.ts';
import { bytesOf, FileDrive, type FileSpec, never } from '../../../support/file-drive.ts';
import { patient } from '../../../support/meddler.ts';
import {
  counting,
  dyingAt,
  dyingBefore,
  interrupted,
  unheard,
} from '../../../support/wrapped-container.ts';

/** By what the copy knows its own page blob, into which it writes for hours, from somebody else's. */

const KIB = 1024;
const ALONE = (container: Parameters<FileDrive['wrap']>[0]) => container;
const disk: FileSpec = {
  blob: 'pictures/disk.vhd',
  bytes: bytesOf('pages', 1024 * KIB),
  pages: Array.from({ length: 8 }, (_, index) => [index * 128 * KIB, 128 * KIB] as const),
};
const renamed = 'pictures/disk (2).vhd';
const theirs = bytesOf('theirs', disk.bytes.length);

let drive: FileDrive;
beforeEach(async () => {
  drive = await FileDrive.create();
  await drive.prepare([disk]);
});
afterEach(() => drive[Symbol.asyncDispose]());

/** Somebody else puts a page blob of the same length and type in the place of what is there. */
async function replaced(sequenceNumber = 0): Promise<void> {
  const container = await drive.container('pictures');
  const name = blobName('disk.vhd');
  const blob = { name, lengthBytes: theirs.length, metadata: {}, sequenceNumber };
  await container.createPages({ ...blob, condition: 'replace' }, never);
  const md5 = createHash('md5').update(theirs).digest('hex');
  await container.writePages({ name, offsetBytes: 0, body: theirs, md5 }, never);
}

const stored = async (blob: string, bytes: Buffer) =>
  expect((await drive.stored(blob)).equals(bytes)).toBe(true);

async function diesAt(...[method, nth]: Parameters<typeof dyingAt>): Promise<void> {
  drive.wrap = dyingAt(method, nth);
  await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
  drive.wrap = ALONE;
}

describe('a page blob of somebody else in the place of ours', () => {
  test.each([
    ['createPages', 1],
    ['writePages', 3],
    ['writePages', 8],
  ] as const)('is not written into after a death at %s %i', async (method, nth) => {
    await diesAt(method, nth);
    await replaced();
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 1, renamed: 1 });
    await stored(disk.blob, theirs);
    await stored(renamed, disk.bytes);
  });

  test('is not written into by a copy that is at work', async () => {
    drive.wrap = interrupted('writePages', 4, () => replaced());
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 0, withErrors: 1 });
    await stored(disk.blob, theirs);
  });

  test('is left as it is when it came after the end of our copy, and keeps its number', async () => {
    drive.wrap = dyingBefore('resetSequence');
    await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
    await replaced(5);
    drive.wrap = ALONE;
    expect((await drive.copy()).verdict.outcome).toBe('Completed');
    await stored(disk.blob, theirs);
    expect(await drive.propertiesOf(disk.blob)).toMatchObject({ sequenceNumber: 5 });
  });

  test('is not written into for a drive that lists other files by now', async () => {
    await drive.copy();
    await replaced();
    await listsMore();
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 2, renamed: 1 });
    await stored(disk.blob, theirs);
    await stored(renamed, disk.bytes);
  });
});

/** The drive lists one file more, before all others, and a person says that it may be copied. */
async function listsMore(): Promise<void> {
  await drive.prepare([{ blob: 'pictures/added.jpg', bytes: bytesOf('added', 700) }, disk]);
  await expect(drive.copy()).rejects.toMatchObject({ code: 'drive-reads-differ' });
  await retireJournal(drive.assignment().journalFile);
}

describe('our own page blob', () => {
  const alone = async () => expect(await drive.namesIn('pictures')).toEqual(['disk.vhd']);

  test('keeps nothing of ours when it is done', async () => {
    await drive.copy();
    expect(await drive.propertiesOf(disk.blob)).toMatchObject({ sequenceNumber: 0, metadata: {} });
  });

  test('keeps nothing of ours either when the file ended with errors', async () => {
    const damaged = Buffer.concat([disk.bytes.subarray(0, 1000 * KIB), Buffer.alloc(24 * KIB)]);
    await drive.write('\\pictures\\disk.vhd', damaged);
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ withErrors: 1 });
    expect(await drive.propertiesOf(disk.blob)).toMatchObject({ sequenceNumber: 0 });
  });

  test.each([
    ['createPages', 1, 8],
    ['writePages', 8, 1],
  ] as const)(
    'is known again after a death at %s %i, whatever our clock says',
    async (method, nth, most) => {
      await diesAt(method, nth);
      drive.clockSkewMs = -3_600_000;
      const writes = { calls: 0 };
      drive.wrap = counting('writePages', writes);
      const { verdict } = await drive.copy();
      expect(verdict).toMatchObject({ outcome: 'Completed', files: { renamed: 0 } });
      expect(writes.calls).toBeLessThanOrEqual(most);
      await stored(disk.blob, disk.bytes);
      await alone();
    },
  );

  test.each(['before', 'after'])('is let go also after a death %s that', async (when) => {
    drive.wrap = when === 'before' ? dyingBefore('resetSequence') : dyingAt('resetSequence', 1);
    await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
    const writes = { calls: 0 };
    drive.wrap = counting('writePages', writes);
    expect((await drive.copy()).verdict.outcome).toBe('Completed');
    expect(await drive.propertiesOf(disk.blob)).toMatchObject({ sequenceNumber: 0 });
    expect(writes.calls).toBe(0);
    const resets = { calls: 0 };
    drive.wrap = counting('resetSequence', resets);
    await drive.copy();
    expect(resets.calls).toBe(0);
    await alone();
  });

  test('is known again when the drive lists other files, and made anew in its place', async () => {
    await drive.copy();
    await listsMore();
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 2, renamed: 0 });
    expect(await drive.namesIn('pictures')).toEqual(['added.jpg', 'disk.vhd']);
    await stored(disk.blob, disk.bytes);
    expect(await drive.propertiesOf(disk.blob)).toMatchObject({ sequenceNumber: 0 });
  });

  test('is known again when the drive lists other files and nobody heard that it was let go', async () => {
    const unheardReset = unheard('resetSequence');
    drive.wrap = (container) => patient(unheardReset(container));
    await drive.copy();
    drive.wrap = ALONE;
    await listsMore();
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 2, renamed: 0 });
    expect(await drive.namesIn('pictures')).toEqual(['added.jpg', 'disk.vhd']);
    await stored(disk.blob, disk.bytes);
  });

  test('is not mistaken when it is replaced by its like while it is let go', async () => {
    drive.wrap = interrupted('resetSequence', 1, () => replaced());
    await drive.copy();
    drive.wrap = ALONE;
    await listsMore();
    expect((await drive.copy()).verdict.files).toMatchObject({ completed: 2, renamed: 1 });
    await stored(disk.blob, theirs);
  });

  test('is known again when the drive lists other files and it was not let go', async () => {
    drive.wrap = dyingBefore('resetSequence');
    await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
    drive.wrap = ALONE;
    await listsMore();
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 2, renamed: 0 });
    expect(await drive.namesIn('pictures')).toEqual(['added.jpg', 'disk.vhd']);
    expect(await drive.propertiesOf(disk.blob)).toMatchObject({ sequenceNumber: 0 });
  });
});
