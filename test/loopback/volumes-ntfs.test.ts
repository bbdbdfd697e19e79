import { execFileSync } from 'node:child_process';
import {
  mkdir,
  mkdtemp,
  open as openHandle,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BASIC_DATA, gptPieces, RESERVED } from '../../native-fixtures/partition-table.ts';
import {
  makeNtfs,
  placeInPartition,
  prepareDrive,
  unpackBitLockerImages,
  volumesUnavailable,
} from '../../native-fixtures/volumes.ts';
import type { VolumeEntry } from '../../src/volumes/contract.ts';
import { fileStatusOf } from '../../src/volumes/copy-status.ts';
import { formatVolumePath } from '../../src/volumes/windows-path.ts';
import {
  contentOf,
  leftOvers,
  never,
  openFile,
  removeScratch,
  scratch,
  withVolume,
} from '../support/volumes.ts';

const unavailable = await volumesUnavailable('dislocker-fuse', 'ntfs-3g', 'mkntfs', 'python3');
const title = unavailable === undefined ? '' : ` (left out: ${unavailable})`;
const TIMEOUT_MS = 240_000;
const MIB = 1024 * 1024;
const MODIFIED = new Date('2020-02-03T04:05:06.000Z');
const NFC = 'é'.normalize('NFC');
const NFD = 'é'.normalize('NFD');

let directory: string;
let image: string;
beforeAll(async () => {
  directory = await scratch();
  image = join(directory, 'ntfs.img');
  if (unavailable === undefined) await makeNtfs(image, 64 * MIB, fill);
}, TIMEOUT_MS);
afterAll(() => removeScratch(directory));
afterEach(async () => expect(await leftOvers(directory)).toEqual([]));

/** Everything that can be in the way of a path. */
async function fill(root: string): Promise<void> {
  await mkdir(join(root, 'Session/Photos'), { recursive: true });
  await writeFile(join(root, 'Session/Photos/Ångström.TXT'), 'found');
  await utimes(join(root, 'Session/Photos/Ångström.TXT'), MODIFIED, MODIFIED);
  await writeFile(join(root, 'Session/same.txt'), 'lower');
  await writeFile(join(root, 'Session/SAME.txt'), 'upper');
  await writeFile(join(root, `Session/${NFC}`), 'composed');
  await writeFile(join(root, `Session/${NFD}`), 'decomposed');
  await writeFile(join(root, 'large'), Buffer.alloc(3 * MIB + 5, 'drive'));
  await mkdir(join(root, 'traps/folder'), { recursive: true });
  await symlink('/etc/passwd', join(root, 'traps/absolute'));
  await symlink('../../../../etc/passwd', join(root, 'traps/upwards'));
  await symlink('loop', join(root, 'traps/loop'));
  await symlink('/etc', join(root, 'traps/link-to-folder'));
  await makeJunction(join(root, 'traps/junction'), 'C:\\Windows');
  for (const args of [
    ['fifo', 'p'],
    ['device', 'c', '1', '5'],
    ['disk', 'b', '7', '0'],
  ]) {
    execFileSync('mknod', [join(root, 'traps', args[0] ?? ''), ...args.slice(1)]);
  }
  await mkdir(join(root, 'many'));
  for (let number = 0; number < 10_000; number++)
    await writeFile(join(root, `many/File ${number}`), '');
  const deep = Array.from({ length: 60 }, (_, index) => `${index}-${'d'.repeat(60)}`).join('/');
  await makeDeep(root, deep);
}

/** Longer than a path may be for the system, so it is made in steps. */
async function makeDeep(root: string, path: string): Promise<void> {
  const script =
    'import os,sys\nos.chdir(sys.argv[1])\nfor n in sys.argv[2].split("/"):\n os.mkdir(n); os.chdir(n)\nopen("end","w").write("deep")';
  execFileSync('python3', ['-c', script, root, path]);
}

/** A folder with a mount-point reparse tag, as `mklink /J` makes one. */
async function makeJunction(path: string, target: string): Promise<void> {
  await mkdir(path);
  const substitute = Buffer.from(`\\??\\${target}`, 'utf16le');
  const print = Buffer.from(target, 'utf16le');
  const names = Buffer.concat([substitute, Buffer.alloc(2), print, Buffer.alloc(2)]);
  const head = Buffer.alloc(16);
  head.writeUInt32LE(0xa000_0003, 0);
  head.writeUInt16LE(8 + names.length, 4);
  head.writeUInt16LE(substitute.length, 10);
  head.writeUInt16LE(substitute.length + 2, 12);
  head.writeUInt16LE(print.length, 14);
  const value = Buffer.concat([head, names]).toString('hex');
  const script =
    'import os,sys\nos.setxattr(sys.argv[1],"system.ntfs_reparse_data",bytes.fromhex(sys.argv[2]))';
  execFileSync('python3', ['-c', script, path, value]);
}

const statusOf = (file: Promise<unknown>) => file.then(() => 'opened', fileStatusOf);

async function listed(walk: AsyncIterable<VolumeEntry>) {
  const files: string[] = [];
  const skipped: string[] = [];
  for await (const entry of walk) {
    if (entry.kind === 'file') files.push(formatVolumePath(entry.path));
    else skipped.push(`${formatVolumePath(entry.path)} ${entry.reason}`);
  }
  return { files, skipped };
}

describe.skipIf(unavailable !== undefined)(`a volume with NTFS${title}`, () => {
  test(
    'finds a file as Windows would',
    async () => {
      await withVolume(image, { directory }, async (volume) => {
        expect(volume).toMatchObject({ filesystem: 'ntfs', notes: [], found: { table: 'none' } });
        const file = await openFile(volume, '\\session/PHOTOS\\åNGSTRÖM.txt');
        expect(file).toMatchObject({ sizeBytes: 5, modifiedAt: MODIFIED, ambiguous: [] });
        expect(file.foundAs).toBe('\\Session\\Photos\\Ångström.TXT');
        await file.close();
        await expect(contentOf(volume, '\\many\\FILE 9999')).resolves.toBe('');
        await expect(contentOf(volume, `\\Session\\${NFC}`)).resolves.toBe('composed');
        await expect(contentOf(volume, `\\Session\\${NFD}`)).resolves.toBe('decomposed');
        await expect(contentOf(volume, '\\large')).resolves.toHaveLength(3 * MIB + 5);
        const deep = Array.from({ length: 60 }, (_, index) => `${index}-${'D'.repeat(60)}`);
        await expect(contentOf(volume, [...deep, 'END'].join('\\'))).resolves.toBe('deep');
      });
    },
    TIMEOUT_MS,
  );

  test('takes the exact name where there is one, and says where there are several', async () => {
    await withVolume(image, { directory }, async (volume) => {
      await expect(contentOf(volume, '\\Session\\same.txt')).resolves.toBe('lower');
      await expect(contentOf(volume, '\\Session\\SAME.txt')).resolves.toBe('upper');
      const file = await openFile(volume, '\\SESSION\\Same.TXT');
      expect([file.foundAs, file.ambiguous]).toEqual(['\\Session\\SAME.txt', ['same.txt']]);
      await file.close();
    });
  });

  test('follows no link and opens nothing but files', async () => {
    await withVolume(image, { directory }, async (volume) => {
      const names = [
        'absolute',
        'upwards',
        'loop',
        'link-to-folder\\passwd',
        'junction',
        'junction\\a',
      ];
      const others = ['fifo', 'device', 'disk', 'folder'];
      for (const name of [...names, ...others]) {
        const status = await statusOf(openFile(volume, `\\traps\\${name}`));
        expect([name, status]).toEqual([name, 'FileAccessDenied']);
      }
      expect(await statusOf(openFile(volume, '\\traps\\nothing'))).toBe('FileNotFound');
      expect(await statusOf(openFile(volume, '\\large\\nothing'))).toBe('FileNotFound');
    });
  });

  test(
    'is walked file by file, with what is left alone',
    async () => {
      const { files, skipped } = await withVolume(image, { directory }, (volume) =>
        listed(volume.walk(never)),
      );
      expect(files.filter((path) => path.startsWith('\\many\\'))).toHaveLength(10_000);
      expect(files.filter((path) => path.endsWith('\\end'))).toHaveLength(1);
      expect(files).toContain('\\Session\\Photos\\Ångström.TXT');
      expect(skipped.sort()).toEqual([
        '\\traps\\absolute reparse-point',
        '\\traps\\device not-a-file',
        '\\traps\\disk not-a-file',
        '\\traps\\fifo not-a-file',
        '\\traps\\junction reparse-point',
        '\\traps\\link-to-folder reparse-point',
        '\\traps\\loop reparse-point',
        '\\traps\\upwards reparse-point',
      ]);
    },
    TIMEOUT_MS,
  );

  test(
    'that was not unmounted, or that sleeps, is read as it stands, and that is said',
    async () => {
      const dirty = join(directory, 'dirty.img');
      await makeNtfs(dirty, 32 * MIB, async (root) => {
        await writeFile(
          join(root, 'hiberfil.sys'),
          Buffer.concat([Buffer.from('HIBR'), Buffer.alloc(8188)]),
        );
        await writeFile(join(root, 'file'), 'there');
      });
      await markDirty(dirty);
      const before = await readFile(dirty);
      await withVolume(dirty, { directory }, async (volume) => {
        expect(volume.notes.map(({ code }) => code)).toEqual([
          'not-cleanly-unmounted',
          'hibernated',
        ]);
        await expect(contentOf(volume, '\\file')).resolves.toBe('there');
      });
      expect(before.equals(await readFile(dirty))).toBe(true);
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(unavailable !== undefined)(`a prepared drive${title}`, () => {
  test(
    'is opened in its partition, and every byte of it is as before',
    async () => {
      const own = await mkdtemp(join(tmpdir(), 'drive-station-prepared-'));
      const images = await unpackBitLockerImages(own);
      const volumeImage = images.find(({ name }) => name === 'bitlk-aes-xts-128');
      if (volumeImage === undefined) throw new Error('the volume is not in the archive');
      await prepareDrive(volumeImage.file, volumeImage.recoveryKey, async (root) => {
        await mkdir(join(root, 'session'));
        await writeFile(join(root, 'session/a.bin'), Buffer.alloc(70_000, 'a'));
        await writeFile(join(root, 'DriveManifest.xml'), '<DriveManifest/>');
      });
      const disk = join(directory, 'prepared.img');
      await placeInPartition(volumeImage.file, {
        file: disk,
        offsetBytes: 32 * MIB,
        sizeBytes: 160 * MIB,
      });
      await rm(own, { recursive: true });
      await writeTable(disk, 160 * MIB);
      const before = await readFile(disk);
      await withVolume(
        disk,
        { directory, key: volumeImage.recoveryKey, accept: 'prepared-drive' },
        async (volume) => {
          expect(volume).toMatchObject({
            filesystem: 'ntfs',
            found: { table: 'gpt', partition: 2, offsetBytes: 32 * MIB, lengthBytes: 100 * MIB },
            unlocked: { protector: 'recovery-key', method: 'AES-XTS 128' },
            notes: [],
          });
          await expect(contentOf(volume, '\\drivemanifest.XML')).resolves.toBe('<DriveManifest/>');
          const { files } = await listed(volume.walk(never));
          expect(files.sort()).toEqual(['\\DriveManifest.xml', '\\session\\a.bin']);
        },
      );
      expect(before.equals(await readFile(disk))).toBe(true);
    },
    TIMEOUT_MS,
  );

  test('that is not encrypted is refused, and read when no more than a filesystem is asked for', async () => {
    await expect(
      withVolume(image, { directory, accept: 'prepared-drive' }, async () => undefined),
    ).rejects.toMatchObject({
      code: 'volume-refused',
      payload: { status: 'BitLockerNotActivated' },
    });
  });
});

async function writeTable(disk: string, sizeBytes: number): Promise<void> {
  const lba = (mib: number) => (mib * MIB) / 512;
  const partitions = [
    { typeGuid: RESERVED, firstLba: lba(1), lastLba: lba(17) - 1 },
    { typeGuid: BASIC_DATA, firstLba: lba(32), lastLba: lba(132) - 1 },
  ];
  await using handle = await openHandle(disk, 'r+');
  for (const { offsetBytes, bytes } of Object.values(
    gptPieces({ sizeBytes, sectorBytes: 512, partitions }),
  )) {
    await handle.write(bytes, 0, bytes.length, offsetBytes);
  }
}

/** Sets the flag that Windows sets while a volume is mounted, in the volume's own record. */
async function markDirty(file: string): Promise<void> {
  await using handle = await openHandle(file, 'r+');
  const read = async (at: number, length: number) => {
    const bytes = Buffer.alloc(length);
    await handle.read(bytes, 0, length, at);
    return bytes;
  };
  const boot = await read(0, 512);
  const clusterBytes = boot.readUInt16LE(11) * boot.readUInt8(13);
  // The table of files, and its mirror.
  const [at = 0, mirror = 0] = [48, 56].map(
    (field) => Number(boot.readBigUInt64LE(field)) * clusterBytes + 3 * 1024,
  );
  const record = await read(at, 1024);
  let attribute = record.readUInt16LE(20);
  while (record.readUInt32LE(attribute) !== 0x70) attribute += record.readUInt32LE(attribute + 4);
  const flags = attribute + record.readUInt16LE(attribute + 20) + 10;
  record.writeUInt16LE(record.readUInt16LE(flags) | 1, flags);
  await handle.write(record, 0, record.length, mirror);
  await handle.write(record, 0, record.length, at);
}
