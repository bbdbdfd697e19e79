import { access, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readDisk, startReader } from '../../native-fixtures/disk-reader.ts';
import { imageDigest, writeImage } from '../../native-fixtures/image.ts';
import { type LoopDisk, listPlugged, plug, releaseAll } from '../../native-fixtures/loop-disk.ts';
import { readIdentityFile } from '../../src/detect/identity-file.ts';
import { readLoop } from '../../src/loopback/loop-device.ts';
import { pluggedDisk } from '../../src/loopback/plugged.ts';

const MIB = 1024 * 1024;
const IMAGE = { seed: 'WX71A18K5F', sizeBytes: 32 * MIB };
const WHOLE = { offsetBytes: 0, lengthBytes: IMAGE.sizeBytes };

let directory: string;
let imagePath: string;
const cleanUps: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-loop-'));
  imagePath = join(directory, 'disk.img');
  await writeImage(imagePath, IMAGE);
  await writeFile(join(directory, 'disk.disk.yaml'), stringify({ serial: IMAGE.seed }));
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  await releaseAll(directory);
  await rm(directory, { recursive: true });
});

const sysfs = async (disk: LoopDisk, attribute: string) =>
  (await readFile(`/sys/block/${disk.name}/${attribute}`, 'utf8')).trim();

function reading(disk: LoopDisk, options: { pauseMs: number; retriesWhenGone?: boolean }) {
  const reader = startReader(disk.device, { ...WHOLE, chunkBytes: 65_536, ...options });
  cleanUps.push(reader.kill);
  return reader;
}

describe('a plugged image', () => {
  it('is a disk with the bytes and the size of the image', async () => {
    await using disk = await plug(imagePath);
    expect(await sysfs(disk, 'size')).toBe(String(IMAGE.sizeBytes / 512));
    const whole = {
      event: 'done',
      bytesRead: IMAGE.sizeBytes,
      sha256: imageDigest(IMAGE, 'sha256'),
    };
    expect(await readDisk(disk.device, { ...WHOLE, direct: true })).toEqual(whole);
    expect(await readDisk(disk.device, { ...WHOLE, direct: false })).toEqual(whole);
  });

  it('leads from its backing file to an identity that names the bay', async () => {
    await using disk = await plug(imagePath, { bay: 'left-3' });
    const backing = await sysfs(disk, 'loop/backing_file');
    expect(backing).toBe(join(directory, 'plugged-left-3.img'));
    expect(await readIdentityFile(backing)).toEqual({ serial: IMAGE.seed, bay: 'left-3' });
  });

  it('cannot be written to, not even by root', async () => {
    await using disk = await plug(imagePath);
    expect(await sysfs(disk, 'ro')).toBe('1');
    const written = async () => {
      await using handle = await open(disk.device, 'r+');
      await handle.write(Buffer.alloc(512, 1), 0, 512, 0);
    };
    await expect(written()).rejects.toMatchObject({
      code: expect.stringMatching(/^(EPERM|EROFS)$/u),
    });
  });

  it('can have sectors of 4096 bytes', async () => {
    await using disk = await plug(imagePath, { sectorBytes: 4096 });
    expect(await sysfs(disk, 'queue/logical_block_size')).toBe('4096');
    const small = readDisk(disk.device, { offsetBytes: 512, lengthBytes: 512 });
    expect(await small).toMatchObject({ event: 'error', errno: 'EINVAL' });
  });

  it('is gone after unplug, with its files, and the image stays whole', async () => {
    const disk = await plug(imagePath);
    await disk.unplug();
    expect(await readLoop(disk.name)).not.toMatchObject({ diskseq: disk.diskseq });
    expect((await readdir(directory)).sort()).toEqual(['disk.disk.yaml', 'disk.img']);
    await using again = await plug(imagePath);
    expect(await readDisk(again.device, WHOLE)).toMatchObject({
      sha256: imageDigest(IMAGE, 'sha256'),
    });
  });
});

describe('a replug', () => {
  it('has another sequence number, and another name and bay when asked for', async () => {
    const first = await plug(imagePath, { bay: 'one' });
    await first.unplug();
    await using second = await plug(imagePath, { bay: 'two', avoid: [first.name] });
    expect(second.diskseq).toBeGreaterThan(first.diskseq);
    expect(second.name).not.toBe(first.name);
    expect(second.bay).toBe('two');
    await expect(access(first.pluggedPath)).rejects.toThrow(/ENOENT/u);
  });
});

describe('disks plugged in at the same time', () => {
  it('get a device and a bay each', async () => {
    const disks = await Promise.all(Array.from({ length: 6 }, () => plug(imagePath)));
    cleanUps.push(async () => {
      await Promise.all(disks.map((disk) => disk.unplug()));
    });
    expect(new Set(disks.map((disk) => disk.name)).size).toBe(6);
    expect(disks.map((disk) => disk.bay).sort()).toEqual([
      'bay-1',
      'bay-2',
      'bay-3',
      'bay-4',
      'bay-5',
      'bay-6',
    ]);
    const listed = await listPlugged(directory);
    expect(listed.map((disk) => disk.name).sort()).toEqual(disks.map((disk) => disk.name).sort());
  });

  it('cannot share a bay', async () => {
    await using disk = await plug(imagePath, { bay: 'one' });
    await expect(plug(imagePath, { bay: 'one' })).rejects.toMatchObject({
      code: 'request-invalid',
    });
    expect(await readIdentityFile(disk.pluggedPath)).toMatchObject({ serial: IMAGE.seed });
  });
});

describe('a disk pulled while it is read', () => {
  it('ends cleanly: 0 bytes, no error, size 0', async () => {
    const disk = await plug(imagePath);
    const reader = reading(disk, { pauseMs: 50 });
    await reader.reached(4 * 65_536);
    expect(await disk.pull('clean-eof')).toBe('released');
    const end = await reader.end;
    expect(end.event).toBe('early-end');
    expect(end.bytesRead).toBeLessThan(IMAGE.sizeBytes);
    const read = { offsetBytes: 0, lengthBytes: end.bytesRead };
    expect(end.sha256).toBe(imageDigest(IMAGE, 'sha256', read));
  });

  it('fails with EIO and then gives 0 bytes, as a USB disk does', async () => {
    const disk = await plug(imagePath);
    const reader = reading(disk, { pauseMs: 50, retriesWhenGone: true });
    await reader.reached(4 * 65_536);
    const pulled = disk.pull('io-error');
    expect(await reader.end).toMatchObject({ event: 'error', errno: 'EIO', again: 0 });
    expect(await pulled).toBe('released');
  });

  it('has size 0 while a program keeps it open, and is freed at the last close', async () => {
    const disk = await plug(imagePath);
    const held = await open(disk.device, 'r');
    cleanUps.push(() => held.close());
    expect(await disk.pull('clean-eof')).toBe('still-open');
    expect(await sysfs(disk, 'size')).toBe('0');
    expect(await readdir(directory)).not.toContain('plugged-bay-1.img');
    await held.close();
    await expect.poll(() => readLoop(disk.name)).not.toMatchObject({ diskseq: disk.diskseq });
  });

  it('says so when it was unplugged while a program has it open', async () => {
    const disk = await plug(imagePath);
    const held = await open(disk.device, 'r');
    cleanUps.push(() => held.close());
    await expect(disk.unplug()).rejects.toMatchObject({ code: 'disk-busy' });
  });
});

describe('what is left of a crashed run', () => {
  it('is released for the directory alone', async () => {
    const other = await mkdtemp(join(tmpdir(), 'drive-station-other-'));
    cleanUps.push(() => rm(other, { recursive: true }));
    await using kept = await plug(imagePath, { directory: other });
    await plug(imagePath, { bay: 'one' });
    await plug(imagePath, { bay: 'two' });
    await writeFile(join(directory, 'plugged-half.disk.yaml'), '');
    expect(await releaseAll(directory)).toEqual([]);
    expect(await listPlugged(directory)).toEqual([]);
    expect((await readdir(directory)).sort()).toEqual(['disk.disk.yaml', 'disk.img']);
    expect(await listPlugged(other)).toMatchObject([{ name: kept.name, bay: 'bay-1' }]);
  });

  it('can be taken out by another process that knows the bay', async () => {
    const disk = await plug(imagePath, { bay: 'one' });
    await (await pluggedDisk(directory, 'one')).unplug();
    expect(await readLoop(disk.name)).not.toMatchObject({ diskseq: disk.diskseq });
    await disk.unplug();
  });
});

describe('plugging in', () => {
  it.each([
    ['a link to a device', (path: string) => symlink('/dev/null', path)],
    ['nothing', () => Promise.resolve()],
  ])('refuses %s and leaves nothing behind', async (_, make) => {
    const path = join(directory, 'odd.img');
    await make(path);
    await expect(plug(path)).rejects.toMatchObject({ code: 'request-invalid' });
    expect(await readdir(directory)).not.toContain('plugged-bay-1.disk.yaml');
  });

  it('refuses an image whose identity is wrong, by file and field', async () => {
    await writeFile(join(directory, 'disk.disk.yaml'), 'serial: 5');
    await expect(plug(imagePath)).rejects.toThrow(/disk\.disk\.yaml:1:9: serial: /u);
  });

  it('refuses a bay whose name is a path', async () => {
    await expect(plug(imagePath, { bay: '../x' })).rejects.toMatchObject({
      code: 'request-invalid',
    });
  });
});
