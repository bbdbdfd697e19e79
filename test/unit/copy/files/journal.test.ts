import { appendFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FilesJournal } from '../../../../src/copy/files/journal.ts';
import { CLEAN, lost, type Outcome } from '../../../../src/copy/files/outcome.ts';
import { retireJournal } from '../../../../src/copy/files/retired-journal.ts';
import { tagOf } from '../../../../src/copy/files/source.ts';
import { FramedFile } from '../../../../src/copy/framed-file.ts';
import { parseBlobPath } from '../../../../src/domain/blob-path.ts';
import type { ContainerName } from '../../../../src/domain/container-name.ts';
import type { FileItem, FileTotals } from '../../../../src/domain/file-item.ts';

let directory: string;
let file: string;
const COPY = { copyId: 'copy-1', nonce: '0011223344556677' };
const UNPROMISED = { landmarks: 'those', isPromised: false };

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
const open = (items = ITEMS, vouching = UNPROMISED) =>
  FilesJournal.start(file, { ...COPY, ...vouching }, totals(items));
/** Of a disk that was what it was to the end. */
async function closeProved(journal: FilesJournal): Promise<void> {
  await journal.proving()();
  await journal.close();
}
const first = (journal: FilesJournal) => journal.begun(item(0));
const MD5 = '0123456789abcdef0123456789abcdef';
const range = (attempt: number, at: number) => ({ attempt, range: at, md5: MD5 });

test('how a file ended is known to the next attempt, in all its words', async () => {
  const failed: Outcome = {
    ...{ status: 'CompletedWithErrors', disposition: 'Renamed', attempt: 3 },
    ...{ ranges: 'CXK', metadata: 'Corrupted', words: 'pictures/a: 1 of 3 ranges: Corrupted' },
  };
  const one = await open();
  await one.end(item(0), CLEAN, 10);
  await one.end(item(1), failed, 4);
  await one.end(item(2), { status: 'Completed', disposition: 'Skipped' }, 0);
  await closeProved(one);
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
  await one.staged(item(0), range(2, 0));
  await one.staged(item(0), range(2, 4));
  await one.intend(item(1), { attempt: 1, replace: true, mark: 77 }, 3000);
  await closeProved(one);
  const two = await open();
  expect(first(two)?.intent).toEqual({ attempt: 2, replace: false, at: 2000 });
  expect([...(first(two)?.staged.get(2) ?? [])]).toEqual([
    [0, { md5: MD5, isUnsure: false }],
    [4, { md5: MD5, isUnsure: false }],
  ]);
  expect(two.begun(item(1))?.intent).toEqual({ attempt: 1, replace: true, at: 3000, mark: 77 });
  await two.close();
});

test('the mark of a page blob is known from before it is made until it is taken off', async () => {
  const target = { attempt: 1, replace: false };
  const marked = { ...target, at: 1000, mark: 77 };
  const one = await open();
  await one.intend(item(0), { ...target, mark: 77 }, 1000);
  expect(one.marked(item(0))).toBeUndefined();
  await one.end(item(0), CLEAN, 10);
  await one.intend(item(1), target, 1000);
  await one.end(item(1), CLEAN, 10);
  await closeProved(one);
  for (let attempts = 0; attempts < 2; attempts++) {
    const two = await open();
    expect(two.marked(item(0))).toEqual(marked);
    expect(two.marked(item(1))).toBeUndefined();
    await two.close();
  }
  const three = await open();
  await three.unmarked(item(0), marked, '"1"');
  expect(three.marked(item(0))).toBeUndefined();
  await three.close();
  const four = await open();
  expect(four.marked(item(0))).toBeUndefined();
  await four.close();
});

test('what was said of a page blob without its mark is read over', async () => {
  const tag = tagOf(item(1));
  const before: object[] = [
    { k: 'files', ...COPY },
    { k: 'intent', i: 1, tag, attempt: 1, at: 1000 },
    { k: 'made', i: 1, tag, attempt: 1 },
    { k: 'done', i: 2, tag: tagOf(item(2)), bytes: 10 },
    { k: 'proved', landmarks: 'those', records: 4 },
  ];
  await (await FramedFile.start(file, before, () => undefined)).close();
  const journal = await open();
  expect(journal.begun(item(1))).toMatchObject({ intent: { attempt: 1, at: 1000 } });
  expect(journal.hasEnded(item(2))).toBe(true);
  await journal.close();
});

test('what is begun is forgotten once it has ended, and the file does not grow with attempts', async () => {
  const one = await open();
  for (let at = 0; at < 50; at++) await one.staged(item(0), range(1, at));
  await one.end(item(0), CLEAN, 10);
  await closeProved(one);
  const before = (await readFile(file)).length;
  const two = await open();
  await two.close();
  expect(first(two)).toBeUndefined();
  expect((await readFile(file)).length).toBeLessThan(before / 10);
});

test('a journal of other files is found out before anything is done', async () => {
  const one = await open();
  await one.intend(item(2), { attempt: 1, replace: false }, 1000);
  await closeProved(one);
  const renamed = ITEMS.map((each) => (each.index === 2 ? item(2, 'another.bin') : each));
  await expect(open(renamed)).rejects.toMatchObject({ code: 'drive-reads-differ' });
  await expect(open(ITEMS.slice(0, 2))).rejects.toMatchObject({ code: 'drive-reads-differ' });
});

/** The items without the second one: whatever is behind it has moved. */
const SHORTER = [ITEMS[0], ...ITEMS.slice(2)].flatMap((each, index) =>
  each === undefined ? [] : [{ ...each, index }],
);

async function retired(): Promise<void> {
  const one = await open();
  await one.end(item(0), CLEAN, 10);
  await one.intend(item(2), { attempt: 2, replace: false }, 1000);
  await one.staged(item(2), range(2, 7));
  await one.end(item(3), { ...CLEAN, disposition: 'Renamed', attempt: 4 }, 10);
  await one.end(item(4), { ...CLEAN, disposition: 'Skipped' }, 0);
  await closeProved(one);
  await retireJournal(file);
}

test('a journal that was put aside for other files still says what holds: nothing is trusted by its tag alone', async () => {
  await retired();
  const two = await open(SHORTER);
  for (const each of SHORTER) await two.recall(each);
  const [first, moved, renamed, skipped] = SHORTER.map((each) => ({
    ended: two.hasEnded(each),
    begun: two.begun(each),
  }));
  // Behind the missing one nothing is known of ends but where to look.
  expect(first?.ended).toBe(true);
  expect(moved).toMatchObject({ ended: false, begun: { intent: { attempt: 2, at: 1000 } } });
  expect([...(moved?.begun?.staged.get(2) ?? [])]).toEqual([[7, { md5: MD5, isUnsure: true }]]);
  expect(renamed).toMatchObject({ ended: false, begun: { intent: { attempt: 4, at: 0 } } });
  expect(skipped).toEqual({ ended: false, begun: undefined });
  expect(two.heldBytes).toBe(10);
  await two.close();
  expect(await readdir(directory)).toEqual(['copy-1.journal']);
});

test('a journal that was put aside says all when the drive reads as before', async () => {
  await retired();
  const two = await open();
  expect(ITEMS.map((each) => two.hasEnded(each))).toEqual([true, false, false, true, true, false]);
  await two.close();
});

test('one that a station before this one put aside says by what our blobs are known', async () => {
  const of = (index: number) => ({ i: index, tag: tagOf(item(index)) });
  const before: object[] = [
    { k: 'files', ...COPY },
    { k: 'done', ...of(0), bytes: 10 },
    { k: 'proved' },
    { k: 'intent', ...of(1), attempt: 2, at: 1000, md5: MD5 },
  ];
  await (await FramedFile.start(file, before, () => undefined)).close();
  await rename(file, `${file}.doubted`);
  const two = await open();
  await two.recall(item(0));
  expect(two.hasEnded(item(0))).toBe(false);
  expect(first(two)?.intent).toEqual({ attempt: 1, replace: false, at: 0 });
  expect(two.begun(item(1))?.intent).toMatchObject({ attempt: 2, at: 1000, md5: MD5 });
  await two.close();
  expect(await readdir(directory)).toEqual(['copy-1.journal']);
});

test('one that was put aside and has a successor says nothing any more', async () => {
  await retired();
  const two = await open(SHORTER);
  await two.close();
  await writeFile(`${file}.differs`, 'left by a kill between the new journal and its removal');
  const three = await open(SHORTER);
  expect(three.hasEnded(item(0))).toBe(true);
  await three.close();
  expect(await readdir(directory)).toEqual(['copy-1.journal']);
});

test('items that are listed twice are not mistaken for each other', async () => {
  await retired();
  const twice = [item(9), item(3), item(3)].map((each, index) => ({ ...each, index }));
  const two = await open(twice);
  expect(twice.map((each) => two.begun(each))).toEqual([undefined, undefined, undefined]);
  await two.close();
});

test('every crash prefix says what a prefix of the calls says, and nothing that was not said', async () => {
  const one = await open();
  for (const each of ITEMS) {
    await one.intend(each, { attempt: 1, replace: false }, each.index);
    await one.end(each, each.index % 2 === 0 ? CLEAN : lost('IOFailed', 'bad'), 10);
    await one.proving()();
  }
  await closeProved(one);
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

describe('of a disk for which nobody vouches, what was read since it was proved', () => {
  const target = { attempt: 1, replace: false };

  /** Two files that ended before the check, one while it went on, and the others after it. */
  async function unproved(): Promise<void> {
    const before = await open();
    await before.end(item(0), CLEAN, 10);
    await before.close();
    const one = await open();
    await one.end(item(0), CLEAN, 10);
    await one.end(item(1), CLEAN, 10);
    const proved = one.proving();
    await one.intend(item(2), { ...target, md5: MD5 }, 1000);
    await one.end(item(2), CLEAN, 10);
    await proved();
    await one.end(item(3), lost('IOFailed', 'unreadable'), 0);
    await one.staged(item(4), range(1, 0));
    await one.close();
  }

  const stagedOf = (journal: FilesJournal) => journal.begun(item(4))?.staged;
  const ended = (journal: FilesJournal) => ITEMS.map((each) => journal.hasEnded(each));

  test.each([
    ['left', () => Promise.resolve()],
    ['was found to tell rubbish', () => retireJournal(file)],
  ] as const)('is read again when it %s', async (_, putAside) => {
    await unproved();
    await putAside();
    for (let attempts = 0; attempts < 3; attempts++) {
      const two = await open();
      for (const each of ITEMS) await two.recall(each);
      expect(ended(two)).toEqual([true, true, ...Array(4).fill(false)]);
      expect(two.heldBytes).toBe(20);
      expect(two.begun(item(2))?.intent).toEqual({ ...target, at: 0, md5: MD5 });
      expect(two.begun(item(3))).toBeUndefined();
      expect(stagedOf(two)?.get(1)?.get(0)?.isUnsure).toBe(true);
      await two.close();
      expect(await readdir(directory)).toEqual(['copy-1.journal']);
    }
  });

  test('ends anew with what the next attempt says of it', async () => {
    await unproved();
    const two = await open();
    await two.recall(item(2));
    const renewed = { ...target, md5: MD5.replace('0', 'f'), etag: '"1"' };
    await two.intend(item(2), renewed, 5000);
    await two.close();
    const three = await open();
    await three.recall(item(2));
    expect(three.begun(item(2))?.intent).toEqual({ ...renewed, at: 5000 });
    await three.end(item(2), CLEAN, 10);
    await closeProved(three);
    const four = await open();
    expect(ended(four)).toEqual([true, true, true, false, false, false]);
    await four.close();
  });

  test('stays in doubt under its name while the same is read for another one', async () => {
    await unproved();
    const two = await open();
    await two.staged(item(4), range(2, 0));
    const isUnsure = [1, 2].map((attempt) => stagedOf(two)?.get(attempt)?.get(0)?.isUnsure);
    expect(isUnsure).toEqual([true, false]);
    await two.close();
  });

  test('has ended well where each range came with a hash', async () => {
    await unproved();
    const two = await open(ITEMS, { ...UNPROMISED, isPromised: true });
    expect(ended(two)).toEqual([true, true, true, false, false, false]);
    await two.close();
  });

  test('is all of it when the landmarks are others', async () => {
    await unproved();
    for (let attempts = 0; attempts < 2; attempts++) {
      const two = await open(ITEMS, { ...UNPROMISED, landmarks: 'these' });
      expect(ended(two)).toEqual(Array(6).fill(false));
      await two.close();
    }
    const three = await open();
    expect(ended(three)).toEqual(Array(6).fill(false));
    await three.close();
  });
});
