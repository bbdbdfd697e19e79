import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryContainer } from '../../../src/blobs/directory.ts';
import {
  blockOfFile,
  fileOfBlock,
  keyHasPrefix,
  keyOf,
  nameOfKey,
} from '../../../src/blobs/directory-layout.ts';
import { UNCOMMITTED_BLOCKS_MS } from '../../../src/limits.ts';
import { blobName, blockId, md5Of, sharedBytes, stageOf } from '../../contract/blobs.ts';
import { pagesOf, putOf } from '../../contract/file-blobs.ts';

const run = promisify(execFile);
const live = () => new AbortController().signal;
const disk = blobName('disk.img');

let directory: string;
let container: DirectoryContainer;
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'drive-station-directory-'));
  container = new DirectoryContainer({ directory, container: 'images' });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function files(): Promise<string[]> {
  const all = await readdir(directory, { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)));
}

async function storeDisk(body: Buffer): Promise<void> {
  await container.ensure(live());
  const block = stageOf(disk, 0, body);
  await container.stageBlock(block, live());
  const commit = { name: disk, blocks: [block.id], md5: block.md5, metadata: {} };
  await container.commit(commit, live());
}

describe('a directory as blob store', () => {
  it('turns any name into one entry, and different names into different ones', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
        for (const name of [one, other]) {
          expect(keyOf(name)).toMatch(/^[A-Za-z0-9._~-]*$/u);
          expect(keyOf(name)).not.toMatch(/^\.+$/u);
          expect(keyOf(name).length).toBeLessThan(256);
        }
        if (one !== other && one.isWellFormed() && other.isWellFormed()) {
          expect(keyOf(one)).not.toBe(keyOf(other));
        }
      }),
    );
  });

  it('finds names by how they begin, and reads them back from keys that hold them', () => {
    const text = fc
      .string({ unit: 'binary', maxLength: 400 })
      .filter((name) => name.isWellFormed());
    fc.assert(
      fc.property(text, text, (prefix, rest) => {
        const name = `${prefix}${rest}`;
        expect(keyHasPrefix(keyOf(name), prefix)).toBe(true);
        expect([name, undefined]).toContain(nameOfKey(keyOf(name)));
      }),
    );
    expect(nameOfKey(keyOf('a b/ü.img'))).toBe('a b/ü.img');
    expect(keyHasPrefix(keyOf('job-10/a'), 'job-1/')).toBe(false);
  });

  it('reads block ids back from the names of their files', () => {
    expect(blockOfFile(fileOfBlock(blockId(7)))).toBe(blockId(7));
    expect(blockOfFile('tmp-1-x')).toBeUndefined();
    expect(fileOfBlock(blockId(49_999)).length).toBeLessThan(256);
  });

  it('leaves a committed blob as a plain file with its properties, and nothing else', async () => {
    const body = sharedBytes(3000, 1);
    await storeDisk(body);
    const blob = path.join('images', 'blobs', 'disk.img');
    expect((await files()).sort()).toEqual([`${blob}/content`, `${blob}/properties.json`]);
    const content = fileURLToPath(container.urlOf(disk));
    expect((await readFile(content)).equals(body)).toBe(true);
  });

  it('refuses blocks that do not make up the digest of the blob, and leaves nothing of it', async () => {
    await container.ensure(live());
    const block = stageOf(disk, 0, sharedBytes(3000, 1));
    await container.stageBlock(block, live());
    const md5 = md5Of(Buffer.from('another'));
    await expect(
      container.commit({ name: disk, blocks: [block.id], md5, metadata: {} }, live()),
    ).rejects.toMatchObject({ code: 'checksum-mismatch' });
    expect((await files()).filter((file) => file.includes('blobs'))).toEqual([]);
    expect((await container.listBlocks(disk, live())).uncommitted).toHaveLength(1);
  });

  it('waits for a missing directory instead of making one', async () => {
    const unmounted = path.join(directory, 'usb');
    const away = new DirectoryContainer({ directory: unmounted, container: 'images' });
    const block = stageOf(disk, 0, sharedBytes(10, 1));
    for (const work of [
      () => away.ensure(live()),
      () => away.stageBlock(block, live()),
      () => away.put({ ...block, metadata: {} }, live()),
      () => away.listBlocks(disk, live()),
      () => away.listBlobs({ prefix: '' }, live()),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: 'storage-unavailable' });
    }
    expect(await readdir(directory)).toEqual([]);
  });

  it('tells a container that was never made from a missing directory', async () => {
    const block = stageOf(disk, 0, sharedBytes(10, 1));
    for (const work of [
      () => container.stageBlock(block, live()),
      () => container.put({ ...block, metadata: {} }, live()),
      () => container.listBlocks(disk, live()),
      () => container.listBlobs({ prefix: '' }, live()),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: 'storage-rejected' });
    }
  });

  it('shows that a committed file was cut', async () => {
    await storeDisk(sharedBytes(3000, 1));
    await truncate(fileURLToPath(container.urlOf(disk)), 2999);
    expect((await container.properties(disk, live())).lengthBytes).toBe(2999);
  });

  it('puts a small blob without anything around it', async () => {
    await container.ensure(live());
    await container.put(putOf(disk, sharedBytes(30, 1)), live());
    await container.put({ ...putOf(disk, sharedBytes(40, 2)), condition: 'replace' }, live());
    const blob = path.join('images', 'blobs', 'disk.img');
    expect((await files()).sort()).toEqual([`${blob}/content`, `${blob}/properties.json`]);
    expect(await readFile(fileURLToPath(container.urlOf(disk)))).toHaveLength(40);
  });

  it('shows in the etag that somebody wrote into a file', async () => {
    await storeDisk(sharedBytes(3000, 1));
    const { etag } = await container.properties(disk, live());
    expect((await container.properties(disk, live())).etag).toBe(etag);
    await writeFile(fileURLToPath(container.urlOf(disk)), sharedBytes(3000, 2));
    expect((await container.properties(disk, live())).etag).not.toBe(etag);
  });

  it('reads, lists and removes what an earlier version of the station left', async () => {
    await container.ensure(live());
    const body = sharedBytes(10, 1);
    const blob = path.join(directory, 'images', 'blobs', keyOf('an old/disk.img'));
    await mkdir(blob);
    await writeFile(path.join(blob, 'content'), body);
    const record = { md5: md5Of(body), metadata: {}, blocks: [] };
    await writeFile(path.join(blob, 'properties.json'), JSON.stringify(record));
    const old = blobName('an old/disk.img');
    const { etag } = await container.properties(old, live());
    const { items } = await container.listBlobs({ prefix: 'an old/' }, live());
    expect(items).toMatchObject([{ name: old, type: 'block', md5: md5Of(body), etag }]);
    await container.remove({ name: old, etag }, live());
    expect(await files()).toEqual([]);
  });

  it('lists more blobs than one answer holds, each once, while others are put and removed', async () => {
    await container.ensure(live());
    const blobs = path.join(directory, 'images', 'blobs');
    const record = JSON.stringify({ metadata: {} });
    const names = Array.from({ length: 5200 }, (_, index) => `file ${index}`);
    for (const name of names) {
      const blob = path.join(blobs, keyOf(name));
      mkdirSync(blob);
      writeFileSync(path.join(blob, 'content'), '');
      writeFileSync(path.join(blob, 'properties.json'), record);
    }
    const first = await container.listBlobs({ prefix: 'file ' }, live());
    expect(first.items).toHaveLength(5000);
    const last = first.items.at(-1)?.name ?? '';
    await rm(path.join(blobs, keyOf(last)), { recursive: true });
    await container.put(putOf(blobName('file 1 and more'), sharedBytes(1, 1)), live());
    const from = first.next;
    const second = await container.listBlobs({ prefix: 'file ', from }, live());
    expect(second.next).toBeUndefined();
    const all = [...first.items, ...second.items].map((blob) => blob.name);
    expect(all.sort()).toEqual(names.sort());
    // Asked again of a station that was started since, the part is the same.
    const other = new DirectoryContainer({ directory, container: 'images' });
    expect(await other.listBlobs({ prefix: 'file ', from }, live())).toEqual(second);
  });

  it('takes no room for pages that were never written', async () => {
    await container.ensure(live());
    await container.createPages({ name: disk, lengthBytes: 1024 ** 4, metadata: {} }, live());
    await container.writePages(pagesOf(disk, 1024 ** 3, sharedBytes(4096, 1)), live());
    const { size, blocks } = await stat(fileURLToPath(container.urlOf(disk)));
    expect(size).toBe(1024 ** 4);
    expect(blocks * 512).toBeLessThan(1024 * 1024);
  });

  it('knows after a power cut which pages it has, and nothing that it has not', async () => {
    await container.ensure(live());
    await container.createPages({ name: disk, lengthBytes: 8192, metadata: {} }, live());
    await container.writePages(pagesOf(disk, 0, sharedBytes(512, 1)), live());
    const log = path.join(directory, 'images', 'blobs', 'disk.img', 'written');
    await appendFile(log, '\n1024+51');
    await appendFile(log, Buffer.alloc(20));
    await container.writePages(pagesOf(disk, 4096, sharedBytes(512, 1)), live());
    const { items } = await container.pageRanges({ name: disk }, live());
    expect(items).toEqual([
      { offsetBytes: 0, lengthBytes: 512 },
      { offsetBytes: 4096, lengthBytes: 512 },
    ]);
  });

  it('refuses pages across the end, which Azurite takes and the service does not', async () => {
    await container.ensure(live());
    await container.createPages({ name: disk, lengthBytes: 1024, metadata: {} }, live());
    const across = container.writePages(pagesOf(disk, 512, sharedBytes(1024, 1)), live());
    await expect(across).rejects.toMatchObject({ code: 'storage-rejected' });
    expect((await container.properties(disk, live())).lengthBytes).toBe(1024);
  });

  it('removes what a killed station was making, and leaves what a running one makes', async () => {
    await container.ensure(live());
    const { stdout } = await run(process.execPath, ['-p', 'process.pid'], { timeout: 120_000 });
    const unfinished = path.join(directory, 'images', 'unfinished');
    await mkdir(path.join(unfinished, `tmp-${stdout.trim()}-dead`));
    await mkdir(path.join(unfinished, `tmp-${process.pid}-alive`));
    await container.ensure(live());
    expect(await readdir(unfinished)).toEqual([`tmp-${process.pid}-alive`]);
  });

  it('rejects properties that are damaged', async () => {
    await storeDisk(sharedBytes(3000, 1));
    const file = path.join(directory, 'images', 'blobs', 'disk.img', 'properties.json');
    for (const damaged of ['', '{"md5":', '{"md5":7}']) {
      await writeFile(file, damaged);
      await expect(container.properties(disk, live())).rejects.toMatchObject({
        code: 'storage-rejected',
      });
    }
  });

  it('forgets blocks a week after the last of them was staged, as the service does', async () => {
    await container.ensure(live());
    const bytes = sharedBytes(100, 1);
    const other = blobName('other.img');
    for (const name of [disk, other]) await container.stageBlock(stageOf(name, 0, bytes), live());
    const old = new Date(Date.now() - UNCOMMITTED_BLOCKS_MS - 1000);
    await utimes(path.join(directory, 'images', 'staged', 'other.img'), old, old);
    await container.ensure(live());
    expect((await container.listBlocks(disk, live())).uncommitted).toHaveLength(1);
    expect((await container.listBlocks(other, live())).uncommitted).toEqual([]);
    expect(await readdir(path.join(directory, 'images', 'staged'))).toEqual(['disk.img']);
  });

  it('removes what a killed commit left behind, and leaves what a running one is writing', async () => {
    await container.ensure(live());
    const { stdout } = await run(process.execPath, ['-p', 'process.pid'], { timeout: 120_000 });
    const staged = path.join(directory, 'images', 'staged', 'disk.img');
    await mkdir(path.join(staged, `tmp-${stdout.trim()}-dead`), { recursive: true });
    await mkdir(path.join(staged, `tmp-${process.pid}-alive`));
    const unstaged = {
      name: disk,
      blocks: [blockId(1)],
      md5: md5Of(Buffer.alloc(0)),
      metadata: {},
    };
    await expect(container.commit(unstaged, live())).rejects.toMatchObject({
      code: 'storage-rejected',
    });
    expect(await readdir(staged)).toEqual([`tmp-${process.pid}-alive`]);
    expect((await container.listBlocks(disk, live())).uncommitted).toEqual([]);
  });
});

describe.skipIf(process.getuid?.() !== 0)('a directory on a full disk', () => {
  let small: string;
  beforeEach(async () => {
    small = path.join(directory, 'small');
    await mkdir(small);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small], { timeout: 120_000 });
  });
  afterEach(() => run('umount', [small], { timeout: 120_000 }));

  it('fails the block as worth waiting for, and leaves nothing of it', async () => {
    const full = new DirectoryContainer({ directory: small, container: 'images' });
    await full.ensure(live());
    const block = stageOf(disk, 0, sharedBytes(2 * 1024 * 1024, 1));
    await expect(full.stageBlock(block, live())).rejects.toMatchObject({
      code: 'storage-unavailable',
      payload: { detail: expect.stringContaining('ENOSPC') },
    });
    expect(await full.listBlocks(disk, live())).toEqual({ committed: undefined, uncommitted: [] });
    expect(await readdir(path.join(small, 'images', 'staged', 'disk.img'))).toEqual([]);
    const fits = stageOf(disk, 0, sharedBytes(600 * 1024, 2));
    await full.stageBlock(fits, live());
    const commit = { name: disk, blocks: [fits.id], md5: fits.md5, metadata: {} };
    await expect(full.commit(commit, live())).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
    expect(await readdir(path.join(small, 'images', 'blobs'))).toEqual([]);
    expect((await full.listBlocks(disk, live())).uncommitted).toHaveLength(1);
  });
});
