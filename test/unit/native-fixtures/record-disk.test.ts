import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Medium } from '../../../native-fixtures/record-disk/medium.ts';
import { type Operation, readOperations } from '../../../native-fixtures/record-disk/operations.ts';
import { writeState } from '../../../native-fixtures/record-disk/write-state.ts';
import { RecordDisk, recordDiskUnavailable } from '../../../native-fixtures/record-disk.ts';

const unavailable = recordDiskUnavailable();

let directory: string;
const place = (...names: string[]) => join(directory, ...names);
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-record-'));
  for (const name of ['lower', 'mount']) await mkdir(place(name));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Records what the work does to the mount. */
async function recorded(work: (disk: RecordDisk) => Promise<void>): Promise<readonly Operation[]> {
  {
    const options = { lower: place('lower'), mount: place('mount'), log: place('log') };
    await using disk = await RecordDisk.mount(options);
    await work(disk);
  }
  return (await readOperations(place('log'))).operations;
}

async function contentOf(root: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  const read = async (path: string) => [path.slice(root.length), await readFile(path)] as const;
  return new Map(await Promise.all(paths.map(read)));
}

describe.skipIf(unavailable !== undefined)(`a record disk (${unavailable ?? 'mounted'})`, () => {
  it('writes down what is done, in order, with the marks between', async () => {
    const operations = await recorded(async (disk) => {
      await writeFile(place('mount', 'draft'), 'words', { flush: true });
      await disk.mark('half way');
      await rename(place('mount', 'draft'), place('mount', 'final'));
      await using root = await open(place('mount'));
      await root.sync();
      await writeFile(place('mount', 'final'), 'x');
    });
    const inode = expect.any(String);
    expect(operations).toEqual([
      { kind: 'create', inode, path: '/draft' },
      { kind: 'write', inode, offsetBytes: 0, lengthBytes: 5, bytes: Buffer.from('words') },
      { kind: 'sync', inode },
      { kind: 'mark', words: 'half way' },
      { kind: 'rename', from: '/draft', to: '/final' },
      { kind: 'sync-directory', inode },
      { kind: 'truncate', inode, sizeBytes: 0 },
      { kind: 'write', inode, offsetBytes: 0, lengthBytes: 1, bytes: Buffer.from('x') },
    ]);
  });

  it('has all that a database with a write-ahead log wrote, byte for byte', async () => {
    const operations = await recorded(async () => {
      const database = new DatabaseSync(place('mount', 'data.sqlite'));
      database.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (words TEXT)');
      const insert = database.prepare('INSERT INTO t VALUES (?)');
      for (let row = 0; row < 300; row++) insert.run(`${row} ${'x'.repeat(row)}`);
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      insert.run('after the checkpoint');
      database.exec('DELETE FROM t WHERE length(words) > 200');
      database.close();
    });
    const state = new Medium(operations).after(operations.length, () => true);
    await writeState(state, place('again'));
    expect(await contentOf(place('again'))).toEqual(await contentOf(place('lower')));
  });

  it('is gone when it is closed, and what was written stays', async () => {
    await recorded(() => writeFile(place('mount', 'file'), 'words'));
    expect(await readdir(place('mount'))).toEqual([]);
    expect(await readFile(place('lower', 'file'), 'utf8')).toBe('words');
  });
});
