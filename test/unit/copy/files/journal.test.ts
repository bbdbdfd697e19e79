import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FilesJournal } from '../../../../src/copy/files/journal.ts';
import { CLEAN, lost, type Outcome } from '../../../../src/copy/files/outcome.ts';
import { tagOf } from '../../../../src/copy/files/source.ts';
import { type ContainerName, parseBlobPath } from '../../../../src/domain/blob-path.ts';
import type { FileItem, FileTotals } from '../../../../src/domain/file-item.ts';

let directory: string;
let file: string;
const COPY = { copyId: 'copy-1', nonce: '0011223344556677' };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-files-journal-'));
  file = join(directory, 'copy-1.journal');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function item(index: number, name = `file-${index}.bin`): FileItem {
  const answer = parseBlobPath(`pictures/${name}`);
  if (!answer.ok) throw new TypeError(answer.problem);
  const filePath = `\\${name}`;
  const kind = { kind: 'block', disposition: 'rename', lengthBytes: 10, ranges: [] } as const;
  return { index, ...answer.path, filePath, ...kind };
}

function totals(items: readonly FileItem[]): FileTotals {
  return {
    ...{ files: items.length, bytes: items.length * 10, longestRangeBytes: 10, leftOut: 0 },
    tags: Uint32Array.from(items, tagOf),
    container: 'pictures' as ContainerName,
  };
}

const ITEMS = Array.from({ length: 6 }, (_, index) => item(index));
const open = (items = ITEMS) => FilesJournal.start(file, COPY, totals(items));
const first = (journal: FilesJournal) => journal.begun(item(0));

test('how a file ended is known to the next attempt, in all its words', async () => {
  const failed: Outcome = {
    ...{ status: 'CompletedWithErrors', disposition: 'Renamed', attempt: 3 },
    ...{ ranges: 'CXK', metadata: 'Corrupted', words: 'pictures/a: 1 of 3 ranges: Corrupted' },
  };
  const one = await open();
  await one.end(item(0), CLEAN, 10);
  await one.end(item(1), failed, 4);
  await one.end(item(2), { status: 'Completed', disposition: 'Skipped' }, 0);
  await one.close();
  const two = await open();
  expect(two.summary).toEqual({
    ...{ planned: 6, completed: 1, withErrors: 1, skipped: 1, renamed: 0, overwritten: 0 },
  });
  expect(two.heldBytes).toBe(14);
  expect(await two.outcomeOf(item(0))).toEqual(CLEAN);
  expect(await two.outcomeOf(item(1))).toEqual(failed);
  expect(await two.outcomeOf(item(3))).toBeUndefined();
  await two.end(item(3), lost('FileNotFound', 'gone'), 0);
  expect(await two.outcomeOf(item(3))).toEqual(lost('FileNotFound', 'gone'));
  await two.close();
});

test('of a file that was begun, the last intent counts and every staged range', async () => {
  const one = await open();
  await one.intend(item(0), { attempt: 1, replace: false }, 1000);
  await one.intend(item(0), { attempt: 2, replace: false }, 2000);
  await one.staged(item(0), 2, 0);
  await one.staged(item(0), 2, 4);
  await one.made(item(1), { attempt: 1, replace: true });
  await one.close();
  const two = await open();
  expect(first(two)?.intent).toEqual({ attempt: 2, replace: false, at: 2000 });
  expect([...(first(two)?.staged.get(2) ?? [])]).toEqual([0, 4]);
  expect(two.begun(item(1))?.made).toEqual({ attempt: 1, replace: true });
  await two.close();
});

test('what is begun is forgotten once it has ended, and the file does not grow with attempts', async () => {
  const one = await open();
  for (let range = 0; range < 50; range++) await one.staged(item(0), 1, range);
  await one.end(item(0), CLEAN, 10);
  await one.close();
  const before = (await readFile(file)).length;
  const two = await open();
  await two.close();
  expect(first(two)).toBeUndefined();
  expect((await readFile(file)).length).toBeLessThan(before / 10);
});

test('a journal of other files is found out before anything is done', async () => {
  const one = await open();
  await one.intend(item(2), { attempt: 1, replace: false }, 1000);
  await one.close();
  const renamed = ITEMS.map((each) => (each.index === 2 ? item(2, 'another.bin') : each));
  await expect(open(renamed)).rejects.toMatchObject({ code: 'drive-reads-differ' });
  await expect(open(ITEMS.slice(0, 2))).rejects.toMatchObject({ code: 'drive-reads-differ' });
});

test('every crash prefix says what a prefix of the calls says, and nothing that was not said', async () => {
  const one = await open();
  for (const each of ITEMS) {
    await one.intend(each, { attempt: 1, replace: false }, each.index);
    await one.end(each, each.index % 2 === 0 ? CLEAN : lost('IOFailed', 'bad'), 10);
  }
  await one.close();
  const whole = await readFile(file);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length), fc.uint8Array({ maxLength: 30 }), async (at, noise) => {
      await writeFile(file, whole.subarray(0, at));
      await appendFile(file, noise);
      const two = await open();
      const ended = ITEMS.filter((each) => two.hasEnded(each)).map(({ index }) => index);
      await two.close();
      expect(ended).toEqual([...ended.keys()]);
      const begun = ITEMS.filter((each) => two.begun(each) !== undefined);
      expect(begun.map(({ index }) => index)).toEqual(begun.length === 0 ? [] : [ended.length]);
    }),
    { numRuns: 60 },
  );
});
