import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryContainer } from '../../../src/blobs/directory.ts';
import { blockOfFile, fileOfBlock, keyOf } from '../../../src/blobs/directory-layout.ts';
import { blobName, blockId, md5Of, sharedBytes, stageOf } from '../../contract/blobs.ts';

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

  it('removes what a killed commit left behind, and leaves what a running one is writing', async () => {
    await container.ensure(live());
    const { stdout } = await run(process.execPath, ['-p', 'process.pid'], { timeout: 10_000 });
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
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small], { timeout: 10_000 });
  });
  afterEach(() => run('umount', [small], { timeout: 10_000 }));

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
