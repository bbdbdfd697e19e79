import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open as openHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type BitLockerImage,
  openImage,
  prepareDrive,
  unpackBitLockerImages,
  volumesUnavailable,
} from '../../native-fixtures/volumes.ts';
import { bekFile } from '../../src/volumes/bek-file.ts';
import { proveKey } from '../../src/volumes/bitlocker.ts';
import { parseVolumeKey } from '../../src/volumes/bitlocker-key.ts';
import { windowOf } from '../../src/volumes/bytes.ts';
import { openLoopWindow } from '../../src/volumes/loop-window.ts';
import { unlock } from '../../src/volumes/unlock.ts';
import { keyInput, openArgs } from '../../src/volumes/unlock-cryptsetup.ts';
import { fileDisk } from '../support/volume-source.ts';
import {
  leftOvers,
  never,
  open,
  processTexts,
  removeScratch,
  scratch,
  withVolume,
} from '../support/volumes.ts';

const unavailable = await volumesUnavailable('dislocker-fuse', 'ntfs-3g', 'mkntfs');
const title = unavailable === undefined ? '' : ` (left out: ${unavailable})`;
const TIMEOUT_MS = 240_000;

let directory: string;
let images: readonly BitLockerImage[];
beforeAll(async () => {
  directory = await scratch();
  images = await unpackBitLockerImages(directory);
});
afterAll(() => removeScratch(directory));
afterEach(async () => expect(await leftOvers(directory)).toEqual([]));

function image(name: string): BitLockerImage {
  const found = images.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no volume ${name}`);
  return found;
}

/** SHA-256 of the volume that a key decrypts. */
async function decryptedDigest(file: string, key: string): Promise<string> {
  await using source = await fileDisk(file);
  const whole = { offsetBytes: 0, lengthBytes: source.sizeBytes };
  const unlockable = await proveKey(windowOf(source, whole), parseVolumeKey(key), never);
  const loop = await openLoopWindow(source, whole, never);
  const mountPoint = `${file}.unlocked-${process.hrtime.bigint()}`;
  await mkdir(mountPoint);
  const { plaintext } = await unlock(
    { devicePath: loop.devicePath, unlockable, mountPoint },
    never,
  );
  try {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(plaintext.path)) hash.update(chunk);
    return hash.digest('hex');
  } finally {
    expect([...(await plaintext.close()), ...(await loop.close())]).toEqual([]);
  }
}

async function refusal(
  file: string,
  key?: string,
  accept: 'prepared-drive' | 'any-filesystem' = 'prepared-drive',
) {
  await using source = await fileDisk(file);
  const order = { directory, accept, ...(key === undefined ? {} : { key }) };
  const outcome = await open(source, order).then(
    (volume) => volume.close().then(() => 'opened'),
    (error: { payload: { status: string }; message: string }) => error,
  );
  return typeof outcome === 'string' ? outcome : `${outcome.payload.status}: ${outcome.message}`;
}

/** Changes bytes of a copy of a volume. */
async function changed(
  from: BitLockerImage,
  name: string,
  change: (bytes: Patch) => Promise<void>,
) {
  const file = join(directory, `${name}.img`);
  execFileSync('cp', ['--sparse=always', from.file, file]);
  await using handle = await openHandle(file, 'r+');
  await change({
    read: async (at, lengthBytes) => {
      const bytes = Buffer.alloc(lengthBytes);
      await handle.read(bytes, 0, lengthBytes, at);
      return bytes;
    },
    write: async (at, bytes) => void (await handle.write(bytes, 0, bytes.length, at)),
  });
  return file;
}

interface Patch {
  read(at: number, lengthBytes: number): Promise<Buffer>;
  write(at: number, bytes: Buffer): Promise<void>;
}

const COPIES_OF_XTS = [0x2195000, 0x2c1d000, 0x373a000];
const WRONG_KEY = '042647-302313-590458-071500-554323-116567-412181-516978';

describe.skipIf(unavailable !== undefined)(`BitLocker volumes made by Windows${title}`, () => {
  const readable = [
    'bitlk-aes-cbc-128',
    'bitlk-aes-cbc-256',
    'bitlk-aes-cbc-elephant-128',
    'bitlk-aes-xts-128',
    'bitlk-aes-xts-128-first-recovery',
    'bitlk-aes-xts-128-smart-card',
    'bitlk-aes-xts-128-startup-key',
    'bitlk-aes-xts-128-unicode',
    'bitlk-togo-aes-xts-128',
  ];

  test.each(readable)(
    '%s is decrypted by its recovery key',
    async (name) => {
      const { file, recoveryKey, sha256 } = image(name);
      await expect(decryptedDigest(file, recoveryKey)).resolves.toBe(sha256);
    },
    TIMEOUT_MS,
  );

  test.each(['bitlk-aes-cbc-elephant-128', 'bitlk-aes-xts-128-unicode', 'bitlk-togo-aes-xts-128'])(
    '%s is decrypted by its passphrase',
    async (name) => {
      const { file, passphrase, sha256 } = image(name);
      await expect(decryptedDigest(file, passphrase)).resolves.toBe(sha256);
    },
    TIMEOUT_MS,
  );

  test(
    'one with an external key is decrypted by its 32 bytes, and by a .BEK file',
    async () => {
      const { key, file, guid } = await withExternalKey('bitlk-aes-xts-128');
      const { sha256 } = image('bitlk-aes-xts-128');
      await expect(decryptedDigest(file, key.toString('base64'))).resolves.toBe(sha256);
      await expect(decryptedDigest(file, bekFile(key, guid).toString('base64'))).resolves.toBe(
        sha256,
      );
      const foreign = bekFile(key, '00000000-0000-4000-8000-000000000000').toString('base64');
      await expect(refusal(file, foreign)).resolves.toMatch(/^BitLockerKeyInvalid/u);
    },
    TIMEOUT_MS,
  );

  test(
    'one whose first copy of the metadata is damaged is decrypted by the next',
    async () => {
      const original = image('bitlk-aes-xts-128');
      const file = await changed(original, 'first-copy-damaged', async (bytes) => {
        await bytes.write((COPIES_OF_XTS[0] ?? 0) + 300, Buffer.from('rubbish'));
      });
      await expect(decryptedDigest(file, original.recoveryKey)).resolves.toBe(original.sha256);
    },
    TIMEOUT_MS,
  );

  test.each([
    ['bitlk-aes-xts-128-clearkey-only', /^BitLockerNotActivated: .*key lies on the drive itself/u],
    ['bitlk-aes-xts-128-eow', /^BitLockerNotActivated: .*not wholly encrypted/u],
    ['bitlk-partially-encrypted-aes-cbc-128', /^BitLockerNotActivated: .*not wholly encrypted/u],
  ])('%s is refused in words', async (name, words) => {
    const { file, recoveryKey } = image(name);
    await expect(refusal(file, recoveryKey || WRONG_KEY)).resolves.toMatch(words);
    await expect(refusal(file)).resolves.toMatch(words);
  });

  test(
    'the key of another drive, no key, and a key of a kind that the drive has not are told apart',
    async () => {
      const { file } = image('bitlk-aes-xts-128');
      await expect(refusal(file, WRONG_KEY)).resolves.toMatch(
        /^BitLockerKeyInvalid: .*does not open/u,
      );
      await expect(refusal(file, 'Anaconda')).resolves.toMatch(
        /^BitLockerKeyInvalid: .*does not open/u,
      );
      await expect(refusal(file)).resolves.toMatch(/^BitLockerKeyInvalid: .*no key/u);
      const withoutPassphrase = image('bitlk-aes-xts-128-smart-card').file;
      await expect(refusal(withoutPassphrase, 'anaconda')).resolves.toMatch(
        /^BitLockerProtectorNotFound: .*no protector for a passphrase/u,
      );
    },
    TIMEOUT_MS,
  );

  test('one with all copies of its metadata damaged is refused, not guessed at', async () => {
    const original = image('bitlk-aes-xts-128');
    const file = await changed(original, 'all-copies-damaged', async (bytes) => {
      for (const at of COPIES_OF_XTS) await bytes.write(at + 300, Buffer.from('rubbish'));
    });
    await expect(refusal(file, original.recoveryKey)).resolves.toMatch(
      /^BitLockerFailed: .*three copies/u,
    );
  });

  test(
    'one with another filesystem than NTFS is no prepared drive',
    async () => {
      const { file, recoveryKey } = image('bitlk-togo-aes-xts-128');
      await expect(refusal(file, recoveryKey)).resolves.toBe(
        'VolumeNotNtfs: the first data volume of the drive is not NTFS: it has fat',
      );
    },
    TIMEOUT_MS,
  );

  test(
    'one whose filesystem is cut off is refused as damaged',
    async () => {
      const { file, recoveryKey } = image('bitlk-aes-cbc-256');
      await expect(refusal(file, recoveryKey)).resolves.toMatch(
        /^DiskOperationFailed: .*NTFS.*damaged/u,
      );
    },
    TIMEOUT_MS,
  );

  test(
    'a suspended one is opened by its key, and that it was suspended is said',
    async () => {
      const { file, recoveryKey } = await suspended();
      const notes = await withVolume(
        file,
        { directory, key: recoveryKey, accept: 'prepared-drive' },
        async (volume) => volume.notes,
      );
      expect(notes.map(({ code }) => code)).toEqual(['protection-suspended']);
    },
    TIMEOUT_MS,
  );

  test(
    'while a drive is unlocked and open, its key stands in no argument and no environment',
    async () => {
      const original = image('bitlk-aes-xts-128-unicode');
      const file = await changed(original, 'secret', async () => undefined);
      await prepareDrive(file, original.recoveryKey, async () => undefined);
      const { masterKey } = await openImage(file, original.recoveryKey);
      const key = masterKey.reveal();
      const digits = original.recoveryKey.replaceAll('-', '');
      const secrets = [
        original.recoveryKey,
        digits,
        key.toString('latin1'),
        key.toString('hex'),
        key.toString('base64'),
      ];
      const seen = new Set<string>();
      let isOpen = false;
      const watch = async () => {
        do {
          for (const text of [
            ...(await processTexts('cmdline')),
            ...(await processTexts('environ')),
          ]) {
            expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
            for (const tool of ['dislocker-fuse', 'ntfs-3g'])
              if (text.startsWith(tool)) seen.add(tool);
          }
        } while (!isOpen);
      };
      const opening = withVolume(file, { directory, key: original.recoveryKey }, async () => {
        await watchOnce();
      });
      const watching = watch();
      async function watchOnce() {
        isOpen = true;
        await watching;
        await watch();
      }
      await opening;
      expect([...seen].sort()).toEqual(['dislocker-fuse', 'ntfs-3g']);
    },
    TIMEOUT_MS,
  );

  test(
    'cryptsetup takes the same keys by its standard input',
    async () => {
      const { recoveryKey, passphrase, file } = image('bitlk-aes-xts-128');
      const external = await withExternalKey('bitlk-aes-xts-128');
      for (const [volume, key] of [
        [file, recoveryKey],
        [file, passphrase],
        [external.file, external.key.toString('base64')],
      ] as const) {
        const input = keyInput(await openImage(volume, key));
        const args = [...openArgs(volume), '--test-passphrase'];
        execFileSync('cryptsetup', args, { input, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
      }
    },
    TIMEOUT_MS,
  );

  async function suspended(): Promise<{ file: string; recoveryKey: string }> {
    const original = image('bitlk-aes-xts-128');
    const { masterKey } = await openImage(original.file, original.recoveryKey);
    const clear = Buffer.alloc(32, 9);
    const parts = [keyEntry(clear), encryptedEntry(masterKey.reveal(), clear)];
    const { file } = await withProtector(original, { name: 'suspended', type: 0, parts });
    await prepareDrive(file, original.recoveryKey, async () => undefined);
    return { file, recoveryKey: original.recoveryKey };
  }

  async function withExternalKey(name: string) {
    const original = image(name);
    const { masterKey } = await openImage(original.file, original.recoveryKey);
    const key = createHash('sha256').update('external').digest();
    const parts = [useKeyEntry(masterKey.reveal()), encryptedEntry(masterKey.reveal(), key)];
    return { key, ...(await withProtector(original, { name: 'external', type: 0x0200, parts })) };
  }
});

interface NewProtector {
  readonly name: string;
  readonly type: number;
  readonly parts: readonly Buffer[];
}

/** A copy of a volume with one more protector in each copy of its metadata. */
async function withProtector(original: BitLockerImage, { name, type, parts }: NewProtector) {
  const guid = '11111111-2222-4333-8444-555555555555';
  const head = Buffer.alloc(28);
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).swap32();
  bytes.subarray(4, 8).swap16();
  bytes.copy(head);
  head.writeUInt16LE(type, 26);
  const protector = entry({ type: 2, value: 8 }, Buffer.concat([head, ...parts]));
  const file = await changed(original, name, async (patch) => {
    for (const at of COPIES_OF_XTS) await addEntry(patch, at, protector);
  });
  return { file, guid };
}

async function addEntry(patch: Patch, at: number, added: Buffer): Promise<void> {
  const block = await patch.read(at, 8192);
  const datasetBytes = block.readUInt32LE(64);
  added.copy(block, 64 + datasetBytes);
  for (const place of [64, 76]) block.writeUInt32LE(datasetBytes + added.length, place);
  const units = Math.ceil((64 + datasetBytes + added.length) / 16);
  block.writeUInt16LE(units, 8);
  const size = units * 16;
  const check = Buffer.alloc(8);
  check.writeUInt16LE(8, 0);
  check.writeUInt16LE(2, 2);
  check.writeUInt32LE(crc32(block.subarray(0, size)), 4);
  await patch.write(at, Buffer.concat([block.subarray(0, size), check]));
}

function entry({ type, value }: { type: number; value: number }, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(8 + body.length, 0);
  head.writeUInt16LE(type, 2);
  head.writeUInt16LE(value, 4);
  head.writeUInt16LE(1, 6);
  return Buffer.concat([head, body]);
}

function keyEntry(key: Buffer): Buffer {
  const cipher = Buffer.from([0x03, 0x20, 0, 0]);
  return entry({ type: 0, value: 1 }, Buffer.concat([cipher, key]));
}

/** A key encrypted with another, as in a protector. */
function encryptedEntry(key: Buffer, by: Buffer): Buffer {
  const nonce = Buffer.alloc(12, 3);
  const cipher = createCipheriv('aes-256-ccm', by, nonce, { authTagLength: 16 });
  const data = cipher.update(keyEntry(key));
  cipher.final();
  return entry({ type: 0, value: 5 }, Buffer.concat([nonce, cipher.getAuthTag(), data]));
}

/** An external key's protector has its key encrypted with the master key as well. */
function useKeyEntry(masterKey: Buffer): Buffer {
  const inner = encryptedEntry(masterKey, masterKey);
  return entry({ type: 0, value: 4 }, Buffer.concat([Buffer.from([2, 0x20, 0, 0]), inner]));
}
