import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseBitLockerHeader } from '../../../src/volumes/bitlocker-header.ts';
import { parseBlock, readBitLockerMetadata } from '../../../src/volumes/bitlocker-metadata.ts';
import { protectorsOf } from '../../../src/volumes/bitlocker-protectors.ts';
import { isInside, type ReadRange } from '../../../src/volumes/bytes.ts';
import { ntfsVolumeFlags, stateNotes } from '../../../src/volumes/filesystem-state.ts';
import { parseMounts } from '../../../src/volumes/mount-table.ts';

/** Parsers of what is on a drive, with the metadata that Windows wrote and every damage to it. */

const COPIES = [0x2195000, 0x2c1d000, 0x373a000];
const SIZE = 104_857_600;

let directory: string;
let sector: Buffer;
let block: Buffer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-metadata-'));
  const archive = 'native-fixtures/bitlocker/bitlocker-images.tar.xz';
  const name = 'bitlk-aes-xts-128.img';
  execFileSync('tar', ['--sparse', '-xJf', archive, '-C', directory, name]);
  await using handle = await open(join(directory, name), 'r');
  sector = (await handle.read(Buffer.alloc(512), 0, 512, 0)).buffer;
  block = (await handle.read(Buffer.alloc(8192), 0, 8192, COPIES[0] ?? 0)).buffer;
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** A volume of zeros with these bytes on it; a read outside it gives nothing. */
function volumeOf(pieces: readonly (readonly [number, Buffer])[]): ReadRange {
  return async (offsetBytes, lengthBytes) => {
    if (!isInside({ offsetBytes, lengthBytes }, SIZE)) return undefined;
    const bytes = Buffer.alloc(lengthBytes);
    for (const [at, piece] of pieces) {
      const from = Math.max(at, offsetBytes);
      const to = Math.min(at + piece.length, offsetBytes + lengthBytes);
      if (from < to) piece.copy(bytes, from - offsetBytes, from - at, to - at);
    }
    return bytes;
  };
}

test('the metadata that Windows wrote is understood, from any copy', async () => {
  for (const [index, at] of COPIES.entries()) {
    const result = await readBitLockerMetadata(
      volumeOf([
        [0, sector],
        [at, block],
      ]),
    );
    expect(result).toMatchObject({
      kind: 'whole',
      metadata: {
        version: 2,
        copy: index + 1,
        converting: false,
        method: 'AES-XTS 128',
        toGo: false,
      },
    });
    const kinds = result.kind === 'whole' && result.metadata.protectors.map(({ kind }) => kind);
    expect(kinds).toEqual(['passphrase', 'recovery-key']);
  }
});

test('that of Windows Vista names its other copies itself', async () => {
  const first = 0x100_0000;
  const boot = Buffer.alloc(512);
  boot.write('-FVE-FS-', 3, 'latin1');
  boot.writeUInt16LE(512, 11);
  boot.writeUInt8(8, 13);
  boot.writeBigUInt64LE(BigInt(first / 4096), 0x38);
  const vista = vistaBlock([first, 0x200_0000, 0x300_0000]);
  const damaged = Buffer.from(vista);
  damaged.write('rubbish', 100);
  const whole = await readBitLockerMetadata(
    volumeOf([
      [0, boot],
      [first, vista],
    ]),
  );
  expect(whole).toMatchObject({ kind: 'whole', metadata: { version: 1, copy: 1 } });
  const second = await readBitLockerMetadata(
    volumeOf([
      [0, boot],
      [first, damaged],
      [0x200_0000, vista],
    ]),
  );
  expect(second).toMatchObject({ kind: 'whole', metadata: { version: 1, copy: 2 } });
});

/** The same dataset under a header of version 1, whose size is in bytes. */
function vistaBlock(copies: readonly number[]): Buffer {
  const size = block.readUInt16LE(8) * 16;
  const bytes = Buffer.alloc(size + 8);
  block.copy(bytes, 0, 0, size);
  bytes.writeUInt16LE(size, 8);
  bytes.writeUInt16LE(1, 10);
  for (const [index, at] of copies.entries()) bytes.writeBigUInt64LE(BigInt(at), 32 + index * 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, size)), size + 4);
  return bytes;
}

test('damage to a copy is seen by its CRC, wherever it is', async () => {
  const size = block.readUInt16LE(8) * 16;
  await fc.assert(
    fc.asyncProperty(fc.nat(size - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const damaged = Buffer.from(block);
      damaged.writeUInt8(damaged.readUInt8(at) ^ change, at);
      const pieces = COPIES.map((place) => [place, damaged] as const);
      const result = await readBitLockerMetadata(volumeOf([[0, sector], ...pieces]));
      expect(result.kind).toBe('damaged');
    }),
  );
});

test('whatever the first sector says, the answer is one of three', async () => {
  const changes = fc.array(fc.tuple(fc.nat(511), fc.nat(255)), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(changes, async (list) => {
      const changed = Buffer.from(sector);
      for (const [at, value] of list) changed.writeUInt8(value, at);
      const result = await readBitLockerMetadata(
        volumeOf([
          [0, changed],
          [COPIES[0] ?? 0, block],
        ]),
      );
      expect(['whole', 'damaged', 'absent']).toContain(result.kind);
    }),
  );
});

test('whatever the bytes are, no parser reads past them or throws', () => {
  const rubbish = fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes));
  const nearly = fc.array(fc.tuple(fc.nat(1999), fc.nat(255)), { maxLength: 30 }).map((list) => {
    const bytes = Buffer.from(block.subarray(0, 2000));
    for (const [at, value] of list) bytes.writeUInt8(value, at);
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(rubbish, nearly), (bytes) => {
      parseBlock(bytes);
      parseBitLockerHeader(bytes);
      ntfsVolumeFlags(bytes);
      expect(protectorsOf(bytes).length).toBeLessThanOrEqual(bytes.length / 36);
    }),
    { numRuns: 1000 },
  );
});

test('whatever a boot sector says, the state of its filesystem is read inside the volume', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 4096, maxLength: 4096 }), async (bytes) => {
      const read = volumeOf([[0, Buffer.from(bytes)]]);
      for (const filesystem of ['ntfs', 'ext'] as const) {
        expect((await stateNotes(filesystem, read)).length).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test('a mount is known by its point, with blanks and backslashes in it', () => {
  const table = [
    '36 25 0:31 / /a\\040b rw,relatime shared:1 - tmpfs tmpfs rw',
    '37 25 7:0 / /a\\134b ro - fuseblk /dev/loop0 ro,errors=x',
    '',
  ].join('\n');
  expect(parseMounts(table)).toEqual([
    { id: 36, mountPoint: '/a b', device: '0:31', filesystem: 'tmpfs', options: ['rw'] },
    {
      id: 37,
      mountPoint: '/a\\b',
      device: '7:0',
      filesystem: 'fuseblk',
      options: ['ro', 'errors=x'],
    },
  ]);
});
