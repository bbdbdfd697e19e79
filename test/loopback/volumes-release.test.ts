import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { plug } from '../../native-fixtures/loop-disk.ts';
import {
  makeNtfs,
  prepareDrive,
  unpackBitLockerImages,
  volumesUnavailable,
} from '../../native-fixtures/volumes.ts';
import { SourceDevice } from '../../src/copy/device.ts';
import type { VolumeSource } from '../../src/volumes/contract.ts';
import { privateMountsUnavailable, withPrivateMounts } from '../../src/volumes/mount-namespace.ts';
import { fileDisk } from '../support/volume-source.ts';
import {
  contentOf,
  leftOvers,
  never,
  open,
  openFile,
  removeScratch,
  scratch,
} from '../support/volumes.ts';

const unavailable = await volumesUnavailable('dislocker-fuse', 'ntfs-3g', 'mkntfs');
const title = unavailable === undefined ? '' : ` (left out: ${unavailable})`;
const TIMEOUT_MS = 240_000;
const MIB = 1024 * 1024;

let directory: string;
let plain: string;
let encrypted: { file: string; recoveryKey: string };
beforeAll(async () => {
  directory = await scratch();
  plain = join(directory, 'plain.img');
  if (unavailable !== undefined) return;
  await makeNtfs(plain, 32 * MIB, (root) =>
    writeFile(join(root, 'file'), Buffer.alloc(8 * MIB, 'x')),
  );
  const images = await unpackBitLockerImages(directory);
  const image = images.find(({ name }) => name === 'bitlk-aes-cbc-128');
  if (image === undefined) throw new Error('the volume is not in the archive');
  encrypted = image;
  await prepareDrive(image.file, image.recoveryKey, (root) =>
    writeFile(join(root, 'file'), 'secret'),
  );
}, TIMEOUT_MS);
afterAll(() => removeScratch(directory));
afterEach(async () => {
  expect(await leftOvers(directory)).toEqual([]);
  expect(await readdir(join(directory, 'work')).catch(() => [])).toEqual([]);
});

/** A plugged disk as a copy process holds it: exclusive, direct, and read-only for the kernel. */
async function claimed(device: string, diskseq: number, sizeBytes: number) {
  const expected = { devicePath: device, diskseq, sizeBytes, wwns: [] };
  const disk = await SourceDevice.open(expected, never);
  const source: VolumeSource = {
    devicePath: device,
    sizeBytes,
    sectorBytes: 512,
    readAt: async (offsetBytes, lengthBytes) => {
      const pages = Math.ceil(lengthBytes / 65_536);
      const buffer = Buffer.from(new WebAssembly.Memory({ initial: pages }).buffer, 0, lengthBytes);
      await disk.readInto(buffer, offsetBytes);
      return buffer;
    },
  };
  return { disk, source, [Symbol.asyncDispose]: () => disk.close() };
}

describe.skipIf(unavailable !== undefined)(`after a volume was open${title}`, () => {
  test(
    'nothing of it is left, and closing again is no harm',
    async () => {
      await using source = await fileDisk(encrypted.file);
      await using volume = await open(source, { directory, key: encrypted.recoveryKey });
      expect((await leftOvers(directory)).length).toBeGreaterThan(3);
      await expect(contentOf(volume, '\\file')).resolves.toBe('secret');
      await volume.close();
      await volume.close();
      expect(await leftOvers(directory)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'the kernel has counted no write to the disk',
    async () => {
      const own = await mkdtemp(join(directory, 'disks-'));
      await using plugged = await plug(plain, { directory: own, identity: { serial: 'WRITES' } });
      await using claim = await claimed(plugged.device, plugged.diskseq, 32 * MIB);
      // The kernel goes on counting where the last disk of this name ended.
      const before = await claim.disk.writesCompleted();
      await using volume = await open(claim.source, { directory });
      await expect(contentOf(volume, '\\file')).resolves.toHaveLength(8 * MIB);
      await volume.close();
      expect(before).toEqual(expect.any(Number));
      expect(await claim.disk.writesCompleted()).toBe(before);
    },
    TIMEOUT_MS,
  );

  test(
    'a wish to stop, at whatever moment, leaves nothing behind',
    async () => {
      await using source = await fileDisk(encrypted.file);
      for (const delayMs of [0, 20, 500, 1300, 1500, 1700]) {
        const signal = AbortSignal.timeout(delayMs);
        const outcome = await open(source, { directory, key: encrypted.recoveryKey }, signal).then(
          (volume) => volume.close().then(() => 'opened'),
          (error: { code: string }) => error.code,
        );
        expect(['opened', 'cancelled']).toContain(outcome);
        expect(await leftOvers(directory)).toEqual([]);
      }
    },
    TIMEOUT_MS,
  );

  test(
    'a file that is still open does not keep the volume from going',
    async () => {
      await using source = await fileDisk(plain);
      await using volume = await open(source, { directory });
      await using file = await openFile(volume, '\\file');
      await volume.close().catch(() => undefined);
      await file.close();
      await expect.poll(() => leftOvers(directory)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(unavailable !== undefined)(`when the disk has gone${title}`, () => {
  test.each(['clean-eof', 'io-error'] as const)(
    'by %s, reads fail instead of giving zeros, and the volume is let go of in time',
    async (kind) => {
      const own = await mkdtemp(join(directory, `${kind}-`));
      await using plugged = await plug(plain, { directory: own, identity: { serial: kind } });
      await using claim = await claimed(plugged.device, plugged.diskseq, 32 * MIB);
      await using volume = await open(claim.source, { directory });
      await using file = await openFile(volume, '\\file');
      const buffer = Buffer.alloc(4096);
      await expect(file.read(buffer, 0, buffer.length)).resolves.toBe(4096);
      await plugged.pull(kind);
      // Far from what was read before, which the kernel may still have.
      const read = file.read(buffer, 7 * MIB, buffer.length);
      await expect(read).rejects.toMatchObject({ code: 'file-read-failed' });
      await file.close();
      await volume.close();
    },
    TIMEOUT_MS,
  );
});

const namespaceMissing = unavailable ?? (await privateMountsUnavailable(never));

describe.skipIf(namespaceMissing !== undefined)(
  namespaceMissing === undefined
    ? 'a process with private mounts'
    : `a process with private mounts (left out: ${namespaceMissing})`,
  () => {
    test(
      'shows its mounts to nobody, and killed, takes everything with it',
      async () => {
        const args = ['--disable-warning=ExperimentalWarning', 'test/support/volume-holder.ts'];
        const { command, args: all } = withPrivateMounts({ command: process.execPath, args });
        const child = spawn(command, all, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
        const workDirectory = join(directory, 'work');
        child.send({ image: encrypted.file, key: encrypted.recoveryKey, workDirectory });
        const [answer] = await once(child, 'message');
        expect(answer).toEqual({ filesystem: 'ntfs' });
        const mounts = await readFile('/proc/self/mountinfo', 'utf8');
        expect(mounts).not.toContain(directory);
        expect(await readFile(`/proc/${child.pid}/mountinfo`, 'utf8')).toContain(directory);
        expect((await leftOvers(directory)).join('\n')).toMatch(/dislocker-fuse.*ntfs-3g/su);
        child.kill('SIGKILL');
        await once(child, 'close');
        await expect.poll(() => leftOvers(directory)).toEqual([]);
        await removeEmpty(workDirectory);
      },
      TIMEOUT_MS,
    );
  },
);

/** A process that was killed leaves its folders, which are empty, since its mounts went with it. */
async function removeEmpty(workDirectory: string): Promise<void> {
  for (const name of await readdir(workDirectory)) {
    for (const folder of await readdir(join(workDirectory, name)))
      await rmdir(join(workDirectory, name, folder));
    await rmdir(join(workDirectory, name));
  }
}
