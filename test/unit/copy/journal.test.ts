import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CopyJournal, decode, type JournalRecord, readJournal } from '../../../src/copy/journal.ts';

let directory: string;
let file: string;
const copy = { copyId: 'copy-1', nonce: '0011223344556677' };
const head: JournalRecord = { kind: 'copy', ...copy };
const recordsOf = (path: string) => Array.fromAsync(readJournal(path));
const staged = (index: number): JournalRecord => ({
  kind: 'staged',
  blob: 'disk.img',
  index,
  id: `id-${index}`,
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-journal-'));
  file = join(directory, 'deep', 'copy-1.journal');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('what was appended is read back in order', async () => {
  const journal = await CopyJournal.start(file, copy, [staged(0)]);
  await Promise.all([1, 2, 3, 4, 5].map((index) => journal.append(staged(index))));
  await journal.close();
  expect(await recordsOf(file)).toEqual([head, ...[0, 1, 2, 3, 4, 5].map(staged)]);
});

test('a missing journal is an empty one', async () => {
  expect(await recordsOf(join(directory, 'none'))).toEqual([]);
});

test('every crash prefix of the file yields a prefix of the records, never another record', async () => {
  const journal = await CopyJournal.start(file, copy, []);
  for (let index = 0; index < 6; index++) await journal.append(staged(index));
  await journal.close();
  const bytes = await readFile(file);
  const all = [head, ...[0, 1, 2, 3, 4, 5].map(staged)];
  for (let length = 0; length <= bytes.length; length++) {
    const found = decode(bytes.subarray(0, length)).records;
    expect(found).toEqual(all.slice(0, found.length));
  }
});

test('one flipped bit anywhere loses at most the records from there on', async () => {
  const journal = await CopyJournal.start(file, copy, [0, 1, 2, 3].map(staged));
  await journal.close();
  const bytes = await readFile(file);
  const all = [head, ...[0, 1, 2, 3].map(staged)];
  const anywhere = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 7 }));
  fc.assert(
    fc.property(anywhere, ([at, bit]) => {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << bit), at);
      const found = decode(damaged).records;
      expect(found.length).toBeLessThan(all.length);
      expect(found).toEqual(all.slice(0, found.length));
    }),
  );
});

test('a torn tail is cut before anything is appended, so the next record is not lost', async () => {
  await (await CopyJournal.start(file, copy, [staged(0)])).close();
  await appendFile(file, Buffer.from([200, 0, 0, 0, 1, 2, 3]));
  const records = (await recordsOf(file)).slice(1);
  const journal = await CopyJournal.start(file, copy, records);
  await journal.append(staged(1));
  await journal.close();
  expect(await recordsOf(file)).toEqual([head, staged(0), staged(1)]);
});

test('a process that was superseded writes into the replaced file, not into the new one', async () => {
  const abandoned = await CopyJournal.start(file, copy, [staged(0)]);
  const current = await CopyJournal.start(file, copy, [staged(0)]);
  await abandoned.append(staged(7));
  await current.append(staged(1));
  await Promise.all([abandoned.close(), current.close()]);
  expect(await recordsOf(file)).toEqual([head, staged(0), staged(1)]);
});

test('garbage is no journal', async () => {
  const garbage = join(directory, 'garbage');
  await writeFile(garbage, Buffer.alloc(4096, 0x5a));
  expect(await recordsOf(garbage)).toEqual([]);
});
