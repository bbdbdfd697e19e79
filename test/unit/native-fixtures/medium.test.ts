import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Medium, type MediumState } from '../../../native-fixtures/record-disk/medium.ts';
import type { Operation } from '../../../native-fixtures/record-disk/operations.ts';
import { stateKey, writeState } from '../../../native-fixtures/record-disk/write-state.ts';

const write = (inode: string, offsetBytes: number, words: string): Operation => {
  const bytes = Buffer.from(words);
  return { kind: 'write', inode, offsetBytes, lengthBytes: bytes.length, bytes };
};
const create = (inode: string, path: string): Operation => ({ kind: 'create', inode, path });
const mkdirOf = (inode: string, path: string): Operation => ({ kind: 'mkdir', inode, path });
const sync = (inode: string): Operation => ({ kind: 'sync', inode });
const syncDirectory = (inode: string): Operation => ({ kind: 'sync-directory', inode });
const rename = (from: string, to: string): Operation => ({ kind: 'rename', from, to });
const ROOT = syncDirectory('the root');

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-medium-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Every file of a state with its content, and every directory, as a reader finds them. */
async function found(state: MediumState): Promise<Record<string, string>> {
  const target = join(directory, 'state');
  await writeState(state, target);
  const entries = await readdir(target, { recursive: true, withFileTypes: true });
  const paths = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    const content = entry.isDirectory() ? '/' : await readFile(path, 'latin1');
    return [path.slice(target.length + 1), content] as const;
  });
  const files = Object.fromEntries((await Promise.all(paths)).sort());
  await rm(target, { recursive: true });
  return files;
}

const bare = (operations: readonly Operation[]) =>
  found(new Medium(operations).after(operations.length, () => false));
const killed = (operations: readonly Operation[]) =>
  found(new Medium(operations).after(operations.length, () => true));

describe('a medium after a crash', () => {
  it('has everything that killed processes did', async () => {
    const operations = [mkdirOf('1', '/a'), create('2', '/a/f'), write('2', 0, 'abc')];
    expect(await killed(operations)).toEqual({ a: '/', 'a/f': 'abc' });
    expect(await killed(operations.slice(0, 2))).toEqual({ a: '/', 'a/f': '' });
  });

  it('needs the name forced as well as the content', async () => {
    const begun = [create('1', '/f'), write('1', 0, 'abc')];
    expect(await bare([...begun, sync('1')])).toEqual({});
    expect(await bare([...begun, ROOT])).toEqual({ f: '' });
    expect(await bare([...begun, sync('1'), ROOT])).toEqual({ f: 'abc' });
  });

  it('keeps the old file until the new one’s name is forced, and then only the new one', async () => {
    const old = [create('1', '/f'), write('1', 0, 'old'), sync('1'), ROOT];
    const replaced = [
      ...old,
      create('2', '/t'),
      write('2', 0, 'new'),
      sync('2'),
      rename('/t', '/f'),
    ];
    expect(await bare(replaced)).toEqual({ f: 'old' });
    expect(await bare([...replaced, ROOT])).toEqual({ f: 'new' });
  });

  it('never has a renamed file in both places, whichever directory is forced', async () => {
    const begun = [mkdirOf('1', '/a'), mkdirOf('2', '/b'), ROOT, create('3', '/a/f')];
    const moved = [...begun, rename('/a/f', '/b/f')];
    expect(await bare([...moved, syncDirectory('2')])).toEqual({ a: '/', b: '/', 'b/f': '' });
    expect(await bare([...moved, syncDirectory('1')])).toEqual({ a: '/', b: '/', 'b/f': '' });
  });

  it('loses what is in a directory whose own name was not forced', async () => {
    const inside = [mkdirOf('1', '/a'), create('2', '/a/f'), syncDirectory('1')];
    expect(await bare(inside)).toEqual({});
    expect(await bare([...inside, ROOT])).toEqual({ a: '/', 'a/f': '' });
  });

  it('takes an inode that is used again for another file', async () => {
    const first = [create('1', '/f'), write('1', 0, 'abc'), sync('1')];
    const again = [...first, { kind: 'unlink', path: '/f' } as const, create('1', '/g')];
    expect(await killed(again)).toEqual({ g: '' });
    expect(await bare([...again, ROOT])).toEqual({ g: '' });
  });

  it('cuts, extends and leaves holes as the files had them', async () => {
    const operations: Operation[] = [
      create('1', '/f'),
      write('1', 0, 'abcdef'),
      { kind: 'truncate', inode: '1', sizeBytes: 2 },
      write('1', 4, 'x'),
      { kind: 'truncate', inode: '1', sizeBytes: 6 },
    ];
    expect(await killed(operations)).toEqual({ f: 'ab\0\0x\0' });
  });

  it('lets a change of a name survive only with those before it', () => {
    const medium = new Medium([create('1', '/f'), create('2', '/g'), rename('/f', '/g')]);
    expect(medium.unsafe(3).map(({ at }) => at)).toEqual([0, 1, 2]);
    expect(medium.before(2).sort()).toEqual([0, 1, 2]);
    expect(medium.before(1)).toEqual([1]);
  });

  it('tells states apart by their names and what was written', () => {
    const medium = new Medium([create('1', '/f'), write('1', 0, 'a'), sync('1'), ROOT]);
    const keys = [0, 1, 2, 3, 4].map((length) =>
      stateKey(
        medium.after(length, () => true),
        () => false,
      ),
    );
    expect(new Set(keys).size).toBe(3);
    expect(keys[2]).toBe(keys[4]);
  });
});
