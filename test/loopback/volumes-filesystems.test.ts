import { execFileSync } from 'node:child_process';
import { mkdir, open as openHandle, readFile, symlink, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { faultBacking, faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import { emptyImage, kernelHas, volumesUnavailable } from '../../native-fixtures/volumes.ts';
import { KernelRecords } from '../../src/kernel-records.ts';
import { fileStatusOf } from '../../src/volumes/copy-status.ts';
import { DamageWatch } from '../../src/volumes/damage.ts';
import { formatVolumePath } from '../../src/volumes/windows-path.ts';
import { fileDisk } from '../support/volume-source.ts';
import {
  contentOf,
  leftOvers,
  never,
  open,
  openFile,
  removeScratch,
  scratch,
  withVolume,
} from '../support/volumes.ts';

/** Filesystems beside NTFS, each by its own tool, mounted by the kernel or in user space. */

const MIB = 1024 * 1024;
const reasons = {
  ext:
    (await volumesUnavailable('mke2fs', 'debugfs')) ??
    ((await kernelHas('ext4')) ? undefined : 'no ext4 in this kernel'),
  xfs:
    (await volumesUnavailable('mkfs.xfs')) ??
    ((await kernelHas('xfs')) ? undefined : 'no XFS in this kernel'),
  exfat: await volumesUnavailable('mkfs.exfat', 'mount.exfat-fuse'),
};
const title = (kind: keyof typeof reasons) =>
  reasons[kind] === undefined ? kind : `${kind} (left out: ${reasons[kind]})`;

let directory: string;
beforeAll(async () => {
  directory = await scratch();
});
afterAll(() => removeScratch(directory));
afterEach(async () => expect(await leftOvers(directory)).toEqual([]));

const statusOf = (file: Promise<unknown>) => file.then(() => 'opened', fileStatusOf);

describe.skipIf(reasons.ext !== undefined)(title('ext'), () => {
  test('a log that was not replayed stays as it is, and links and devices are left alone', async () => {
    const tree = join(directory, 'tree');
    await mkdir(join(tree, 'folder'), { recursive: true });
    await writeFile(join(tree, 'folder/File'), 'content');
    await writeFile(Buffer.from(`${tree}/not-unicode-\xff`, 'latin1'), '');
    await symlink('/etc/passwd', join(tree, 'link'));
    for (const args of [
      ['pipe', 'p'],
      ['null', 'c', '1', '3'],
    ]) {
      execFileSync('mknod', [join(tree, args[0] ?? ''), ...args.slice(1)]);
    }
    const image = join(directory, 'ext.img');
    await emptyImage(image, 64 * MIB);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', tree, image]);
    execFileSync('debugfs', ['-w', '-R', 'feature needs_recovery', image], { stdio: 'ignore' });
    const before = await readFile(image);
    await withVolume(image, { directory }, async (volume) => {
      expect(volume.filesystem).toBe('ext');
      expect(volume.notes.map(({ code }) => code)).toEqual(['not-cleanly-unmounted']);
      await expect(contentOf(volume, '\\FOLDER\\FILE')).resolves.toBe('content');
      for (const name of ['link', 'pipe', 'null']) {
        expect(await statusOf(openFile(volume, `\\${name}`))).toBe('FileAccessDenied');
      }
      expect(await statusOf(openFile(volume, `\\${'ü'.repeat(200)}`))).toBe('FileNameTooLong');
      const seen: string[] = [];
      for await (const entry of volume.walk(never)) {
        const path = formatVolumePath(entry.path);
        seen.push(entry.kind === 'file' ? path : `${path} ${entry.reason}`);
      }
      expect(seen.sort()).toEqual([
        '\\folder\\File',
        '\\link reparse-point',
        '\\not-unicode-ÿ name-not-unicode',
        '\\null not-a-file',
        '\\pipe not-a-file',
      ]);
    });
    expect(before.equals(await readFile(image))).toBe(true);
  });

  test('a folder that does not hold together is known, with the kernel’s log and without', async () => {
    const tree = join(directory, 'folders');
    await mkdir(join(tree, 'damaged'), { recursive: true });
    await writeFile(join(tree, 'damaged/file'), 'content');
    const image = join(directory, 'folders.img');
    await emptyImage(image, 64 * MIB);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-b', '4096', '-d', tree, image]);
    const block = execFileSync('debugfs', ['-R', 'blocks /damaged', image], { stdio: 'pipe' });
    await using handle = await openHandle(image, 'r+');
    await handle.write(Buffer.alloc(4096, 0xa5), 0, 4096, Number(block.toString()) * 4096);
    await withVolume(image, { directory }, async (volume) => {
      await using blind = await DamageWatch.begin({ mark: 'EXT4-fs error' }, '/dev/no-such-log');
      const { mountPoint, device } = await ext4Mount();
      const none = { said: [] };
      expect([await volume.damage(), await blind.found(mountPoint)]).toEqual([none, none]);
      expect(await Array.fromAsync(volume.walk(never))).not.toContainEqual(
        expect.objectContaining({ path: ['damaged', 'file'] }),
      );
      const said = (await volume.damage()).said[0];
      expect(said).toContain((await logIsOpen()) ? `EXT4-fs error (device ${device})` : 'ext4 ');
      expect(await blind.found(mountPoint)).toEqual({ said: [expect.stringMatching(/^ext4 /u)] });
    });
  });

  test.skipIf(faultDiskUnavailable() !== undefined)(
    'what is not in the kernel’s log, or no more, is not known',
    async () => {
      const image = join(directory, 'quiet.img');
      await emptyImage(image, 64 * MIB);
      execFileSync('mke2fs', ['-q', '-t', 'ext4', image]);
      await withVolume(image, { directory }, async () => {
        const { mountPoint, device } = await ext4Mount();
        const unknown = expect.stringContaining('and the station may not read that');
        const silent = { mark: 'FAT-fs', onlyInLog: true };
        await using blind = await DamageWatch.begin(silent, '/dev/no-such-log');
        expect(await blind.found(mountPoint)).toEqual({ said: [], unknown });

        await using log = await kernelLog([
          '6,1,1,-;before the mount',
          `3,2,2,-;I/O error, dev ${device}, sector 8 op 0x0:(READ)`,
          `3,9,3,-;FAT-fs (${device}): Directory bread(block 8) failed`,
        ]);
        await using telling = await DamageWatch.begin(
          { mark: 'FAT-fs', onlyInLog: true },
          log.path,
        );
        await using passing = await DamageWatch.begin({ mark: 'none', passesOver: true }, log.path);
        expect(await telling.found(mountPoint)).toEqual({ said: [] });
        await log.lose();
        expect(await telling.found(mountPoint)).toEqual({
          said: [expect.stringContaining('Directory bread')],
          unknown: expect.stringContaining('were overwritten'),
        });
        await log.goOn();
        expect(await passing.found(mountPoint)).toEqual({
          said: [],
          unknown: expect.stringContaining('places of the disk did not read'),
        });
      });
    },
  );

  test('one that asks for a panic on errors does not get it', async () => {
    const image = join(directory, 'panic.img');
    await emptyImage(image, 64 * MIB);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-e', 'panic', image]);
    const wish = 'set_super_value mount_opts errors=panic,warn_on_error';
    execFileSync('debugfs', ['-w', '-R', wish, image], { stdio: 'ignore' });
    await withVolume(image, { directory }, async () => {
      const ours = ['errors=remount-ro', 'nowarn_on_error'];
      expect(await ext4Options()).toEqual(expect.arrayContaining(ours));
    });
  });
});

/**
 * A file that answers as the kernel's log does: its first record is old, the others come with `goOn`, and with
 * `lose` one of them was overwritten before.
 */
async function kernelLog(records: readonly string[]) {
  const imagePath = join(directory, 'log.img');
  const pluggedPath = join(directory, 'kmsg');
  const pad = (record: string) => `${record}\n `.padEnd(RECORD_BYTES);
  await writeFile(imagePath, records.map(pad).join(''));
  const fails = (errno: number, times?: number) => ({
    ...({
      kind: 'read-error',
      offsetBytes: RECORD_BYTES,
      lengthBytes: RECORD_BYTES,
      errno,
    } as const),
    ...(times === undefined ? {} : { times }),
  });
  const order = { imagePath, pluggedPath, identity: {} };
  const { backing, controls } = await faultBacking(order, [fails(EAGAIN)]);
  return {
    path: pluggedPath,
    lose: () => controls.replace([fails(EPIPE, 1)]),
    goOn: () => controls.clear(),
    [Symbol.asyncDispose]: () => backing.close(),
  };
}

/** At most so long is one record; the log gives one with each read. */
const RECORD_BYTES = 8192;
const { EAGAIN, EPIPE } = constants.errno;

async function logIsOpen(): Promise<boolean> {
  await using records = await KernelRecords.open();
  return records !== undefined;
}

/** Where this test has an ext4 mounted, and from which device. */
async function ext4Mount(): Promise<{ mountPoint: string; device: string }> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const ours = mounts.find((line) => line.includes(` ${directory}/`)) ?? '';
  const [, , , , mountPoint = ''] = ours.split(' ');
  const device = / - ext4 \/dev\/(?<name>\S+) /u.exec(ours)?.groups?.name ?? '';
  return { mountPoint, device };
}

/** Those in force. */
async function ext4Options(): Promise<string[]> {
  const { device } = await ext4Mount();
  return (await readFile(`/proc/fs/ext4/${device}/options`, 'utf8')).split('\n');
}

describe.skipIf(reasons.xfs !== undefined)(title('xfs'), () => {
  test('is opened as it stands', async () => {
    const image = join(directory, 'xfs.img');
    await emptyImage(image, 320 * MIB);
    const prototype = join(directory, 'prototype');
    await writeFile(prototype, `x\n0 0\nd--755 0 0\nfile ---644 0 0 ${prototype}\n$\n`);
    execFileSync('mkfs.xfs', ['-q', '-p', prototype, image]);
    await withVolume(image, { directory }, async (volume) => {
      expect(volume.filesystem).toBe('xfs');
      await expect(contentOf(volume, '\\FILE')).resolves.toContain('d--755');
    });
  });
});

describe.skipIf(reasons.exfat !== undefined)(title('exfat'), () => {
  test('is opened, by the kernel or in user space', async () => {
    const image = join(directory, 'exfat.img');
    await emptyImage(image, 64 * MIB);
    execFileSync('mkfs.exfat', [image], { stdio: 'ignore' });
    await withVolume(image, { directory }, async (volume) => {
      expect(volume.filesystem).toBe('exfat');
      expect(await statusOf(openFile(volume, '\\nothing'))).toBe('FileNotFound');
    });
  });

  test('is no prepared drive', async () => {
    await using source = await fileDisk(join(directory, 'exfat.img'));
    const opening = open(source, { directory, accept: 'prepared-drive' });
    await expect(opening).rejects.toMatchObject({ payload: { status: 'VolumeNotNtfs' } });
  });
});

describe.skipIf(reasons.ext !== undefined)('other content', () => {
  test.each([
    ['LUKS', 0, 'LUKS\xba\xbe'],
    ['ReFS', 3, 'ReFS\0\0\0\0'],
    ['btrfs', 65_600, '_BHRfS_M'],
  ])('%s is refused by its name', async (name, at, magic) => {
    const image = join(directory, `${name}.img`);
    const bytes = Buffer.alloc(MIB);
    bytes.write(magic, at, 'latin1');
    await writeFile(image, bytes);
    await using source = await fileDisk(image);
    await expect(open(source, { directory })).rejects.toMatchObject({
      payload: { status: 'VolumeNotNtfs' },
      message: expect.stringContaining(`it has ${name.toLowerCase()}`),
    });
  });
});
