import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BASIC_DATA,
  EFI_SYSTEM,
  type GptPart,
  gptPieces,
  mbrSector,
  type Piece,
  RECOVERY,
  RESERVED,
} from '../../../native-fixtures/partition-table.ts';
import { isStationError, StationError } from '../../../src/errors.ts';
import { findVolume } from '../../../src/volumes/find-volume.ts';
import { memoryDisk } from '../../support/volume-source.ts';

const MIB = 1024 * 1024;
const SIZE = 256 * MIB;

/** The start of a volume: enough to know what it is. */
function volume(kind: 'ntfs' | 'exfat' | 'bitlocker' | 'ext', offsetBytes: number): Piece {
  const bytes = Buffer.alloc(4096);
  if (kind === 'ntfs') bytes.write('NTFS    ', 3);
  if (kind === 'exfat') bytes.write('EXFAT   ', 3);
  if (kind === 'bitlocker') bytes.write('-FVE-FS-', 3);
  if (kind === 'ext') bytes.writeUInt16LE(0xef53, 1080);
  else bytes.writeUInt16LE(0xaa55, 510);
  return { offsetBytes, bytes };
}

const gpt = (sectorBytes: number, types: readonly string[]) =>
  gptPieces({
    sizeBytes: SIZE,
    sectorBytes,
    partitions: types.map((typeGuid, index) => {
      const firstLba = ((index + 1) * 16 * MIB) / sectorBytes;
      return { typeGuid, firstLba, lastLba: firstLba + (16 * MIB) / sectorBytes - 1 };
    }),
  });

const codes = (found: { notes: readonly { code: string }[] }) =>
  found.notes.map(({ code }) => code);

const unreadable = ({ code }: { code: string }) => (code === 'places-unreadable' ? [code] : []);

describe('the first data volume', () => {
  it.each([512, 4096])(
    'lies in a GPT with sectors of %i bytes, after what holds no data',
    async (sectorBytes) => {
      const pieces = Object.values(
        gpt(sectorBytes, [EFI_SYSTEM, RESERVED, RECOVERY, BASIC_DATA, BASIC_DATA]),
      );
      const disk = memoryDisk(
        [
          ...pieces,
          volume('ntfs', 48 * MIB),
          volume('bitlocker', 64 * MIB),
          volume('ntfs', 80 * MIB),
        ],
        { sizeBytes: SIZE, sectorBytes },
      );
      await expect(findVolume(disk)).resolves.toEqual({
        table: 'gpt',
        partition: 4,
        offsetBytes: 64 * MIB,
        lengthBytes: 16 * MIB,
        content: 'bitlocker',
        notes: [],
        passedOver: [
          { partition: 1, reason: 'an EFI system partition' },
          { partition: 2, reason: 'a Microsoft reserved partition' },
          { partition: 3, reason: 'a Windows recovery partition' },
        ],
      });
    },
  );

  it('is not a partition that is empty or holds rubbish', async () => {
    const rubbish = { offsetBytes: 32 * MIB, bytes: Buffer.alloc(4096, 0xa5) };
    const pieces = Object.values(gpt(512, [BASIC_DATA, BASIC_DATA, BASIC_DATA]));
    const disk = memoryDisk([...pieces, rubbish, volume('exfat', 48 * MIB)], { sizeBytes: SIZE });
    const found = await findVolume(disk);
    expect(found).toMatchObject({ partition: 3, content: 'exfat' });
    expect(found.passedOver.map(({ reason }) => reason)).toEqual(['empty', 'of unknown content']);
  });

  it.each<GptPart>(['primaryHeader', 'primaryArray'])(
    'is found by the backup when the %s is damaged',
    async (part) => {
      const pieces = gpt(512, [BASIC_DATA]);
      pieces[part].bytes.writeUInt8(0x77, 60);
      const disk = memoryDisk([...Object.values(pieces), volume('ntfs', 16 * MIB)], {
        sizeBytes: SIZE,
      });
      const found = await findVolume(disk);
      expect(found).toMatchObject({ table: 'gpt', partition: 1, content: 'ntfs' });
      expect(codes(found)).toEqual(['backup-table-used']);
    },
  );

  it.each([
    ['the first sector', [0], []],
    ['the head of the table', [512], ['backup-table-used']],
    ['the list of the partitions', [1024], ['backup-table-used']],
    ['the list at its end', [33 * 512], ['backup-table-used']],
    ['all of the table', [0, 512, 1024], ['backup-table-used']],
  ])('is found where %s cannot be read, and the place is told', async (_, bad, notes) => {
    const pieces = Object.values(gpt(512, [BASIC_DATA]));
    const disk = memoryDisk([...pieces, volume('ntfs', 16 * MIB)], { sizeBytes: SIZE, bad });
    const found = await findVolume(disk);
    expect(found).toMatchObject({ table: 'gpt', partition: 1, content: 'ntfs' });
    expect(codes(found)).toEqual([...notes, ...found.notes.flatMap(unreadable)]);
    expect(found.notes.at(-1)?.words).toContain(`bytes ${bad[0]}-`);
  });

  it.each([
    ['the table and its backup', [512, SIZE - 512]],
    ['the beginning of the volume', [16 * MIB]],
  ])('is no other one, and no refusal, where %s cannot be read', async (_, bad) => {
    const pieces = Object.values(gpt(512, [BASIC_DATA, BASIC_DATA]));
    const volumes = [volume('ntfs', 16 * MIB), volume('exfat', 32 * MIB)];
    const disk = memoryDisk([...pieces, ...volumes], { sizeBytes: SIZE, bad });
    await expect(findVolume(disk)).rejects.toMatchObject({ code: 'disk-read-failed' });
  });

  it('is not looked for in copies on a disk that left', async () => {
    const disk = memoryDisk(Object.values(gpt(512, [BASIC_DATA])), { sizeBytes: SIZE });
    const reads: number[] = [];
    const readAt = (offsetBytes: number): Promise<never> => {
      reads.push(offsetBytes);
      const payload = { devicePath: disk.devicePath, offsetBytes };
      return Promise.reject(new StationError('disk-gone', 'it left', payload));
    };
    await expect(findVolume({ ...disk, readAt })).rejects.toMatchObject({ code: 'disk-gone' });
    expect(reads).toEqual([0]);
  });

  it('is known by the sectors beside a bad one', async () => {
    const bad = [16 * MIB + 512, 16 * MIB + 3072];
    const pieces = Object.values(gpt(512, [BASIC_DATA]));
    for (const kind of ['ntfs', 'ext'] as const) {
      const disk = memoryDisk([...pieces, volume(kind, 16 * MIB)], { sizeBytes: SIZE, bad });
      const found = await findVolume(disk);
      expect(found).toMatchObject({ content: kind });
      expect(found.notes.map(({ words }) => words)).toEqual([
        `bytes ${bad.map((at) => `${at}-${at + 511}`).join(', ')} of the disk cannot be read: it could be opened without them`,
      ]);
    }
  });

  it('is found by a table of another sector size, and that is said', async () => {
    const pieces = Object.values(gpt(4096, [BASIC_DATA]));
    const disk = memoryDisk([...pieces, volume('ntfs', 16 * MIB)], { sizeBytes: SIZE });
    const found = await findVolume(disk);
    expect(found).toMatchObject({ table: 'gpt', offsetBytes: 16 * MIB });
    expect(codes(found)).toEqual(['other-sector-size']);
  });

  it('is the whole disk where there is no table', async () => {
    for (const kind of ['ntfs', 'bitlocker', 'ext'] as const) {
      const found = await findVolume(memoryDisk([volume(kind, 0)], { sizeBytes: SIZE }));
      expect(found).toMatchObject({
        table: 'none',
        partition: 0,
        content: kind,
        lengthBytes: SIZE,
      });
    }
  });

  it('lies in an old table, also as a logical partition', async () => {
    const extended = { type: 0x0f, firstSector: 4096, sectors: 100_000 };
    const disk = memoryDisk(
      [
        {
          offsetBytes: 0,
          bytes: mbrSector([{ type: 0x27, firstSector: 2048, sectors: 64 }, extended]),
        },
        {
          offsetBytes: 4096 * 512,
          bytes: mbrSector([
            { type: 0x82, firstSector: 64, sectors: 64 },
            { type: 0x05, firstSector: 8192, sectors: 4096 },
          ]),
        },
        {
          offsetBytes: (4096 + 8192) * 512,
          bytes: mbrSector([{ type: 7, firstSector: 64, sectors: 4096 }]),
        },
        volume('ntfs', (4096 + 8192 + 64) * 512),
      ],
      { sizeBytes: SIZE },
    );
    const found = await findVolume(disk);
    expect(found).toMatchObject({
      table: 'mbr',
      partition: 6,
      content: 'ntfs',
      lengthBytes: 4096 * 512,
    });
    expect(found.passedOver).toEqual([
      { partition: 1, reason: 'a Windows recovery partition' },
      { partition: 5, reason: 'swap space' },
    ]);
  });

  it('is that of the GPT in a hybrid table, and that of the old one when the GPT is damaged', async () => {
    const old = { type: 7, firstSector: (32 * MIB) / 512, sectors: 4096 };
    const hybrid = mbrSector([{ type: 0xee, firstSector: 1, sectors: 2047 }, old]);
    const { protective: _, ...rest } = gpt(512, [BASIC_DATA]);
    const volumes = [volume('ntfs', 16 * MIB), volume('exfat', 32 * MIB)];
    const first = { offsetBytes: 0, bytes: hybrid };
    const whole = await findVolume(
      memoryDisk([first, ...Object.values(rest), ...volumes], { sizeBytes: SIZE }),
    );
    expect([whole.table, whole.content, codes(whole)]).toEqual(['gpt', 'ntfs', ['hybrid-table']]);
    const damaged = await findVolume(memoryDisk([first, ...volumes], { sizeBytes: SIZE }));
    expect([damaged.table, damaged.content, codes(damaged)]).toEqual([
      'mbr',
      'exfat',
      ['hybrid-table'],
    ]);
  });

  it('ends a chain of logical partitions that comes back to itself', async () => {
    const link = mbrSector([
      { type: 0x82, firstSector: 1, sectors: 1 },
      { type: 5, firstSector: 0, sectors: 9 },
    ]);
    const disk = memoryDisk(
      [
        { offsetBytes: 0, bytes: mbrSector([{ type: 5, firstSector: 64, sectors: 9 }]) },
        { offsetBytes: 64 * 512, bytes: link },
      ],
      { sizeBytes: SIZE },
    );
    await expect(findVolume(disk)).rejects.toMatchObject({
      payload: { status: 'BitLockerVolumeNotFound' },
      message: 'the drive has no volume with data: partition 5 is swap space',
    });
  });
});

describe('a disk without a volume', () => {
  it.each([
    ['blank', []],
    ['too small', []],
    ['with an empty table', [{ offsetBytes: 0, bytes: mbrSector([]) }]],
    [
      'with a GPT of which nothing is right',
      [{ offsetBytes: 512, bytes: Buffer.from('EFI PART') }],
    ],
  ])('is refused in words: %s', async (name, pieces) => {
    const disk = memoryDisk(pieces, { sizeBytes: name === 'too small' ? 512 : SIZE });
    await expect(findVolume(disk)).rejects.toMatchObject({
      code: 'volume-refused',
      payload: { status: 'BitLockerVolumeNotFound' },
    });
  });

  it('has partitions that lie outside of it', async () => {
    const table = mbrSector([{ type: 7, firstSector: 0xffff_0000, sectors: 0xffff }]);
    const disk = memoryDisk([{ offsetBytes: 0, bytes: table }], { sizeBytes: SIZE });
    await expect(findVolume(disk)).rejects.toThrow('partition 1 is not inside the disk');
  });
});

it('whatever is on a disk, only the disk is read, and the answer is a volume or a refusal', async () => {
  const sector = fc.uint8Array({ minLength: 512, maxLength: 4096 });
  const anywhere = fc.record({ lba: fc.nat(SIZE / 512 - 8), bytes: sector });
  const damage = fc.array(fc.tuple(fc.nat(91), fc.nat(255)), { maxLength: 6 });
  const disks = fc.record({
    pieces: fc.array(anywhere, { maxLength: 4 }),
    withTable: fc.boolean(),
    damage,
    entries: fc.array(
      fc.record({
        type: fc.constantFrom(0, 5, 7, 0x0f, 0x83, 0xee),
        firstSector: fc.nat(0xffff_ffff),
        sectors: fc.nat(0xffff_ffff),
      }),
      { maxLength: 4 },
    ),
  });
  await fc.assert(
    fc.asyncProperty(disks, async ({ pieces, withTable, damage: changes, entries }) => {
      const table = gpt(512, [BASIC_DATA, RESERVED]);
      for (const [at, value] of changes) table.primaryHeader.bytes.writeUInt8(value, at);
      const content = pieces.map(({ lba, bytes }) => ({
        offsetBytes: lba * 512,
        bytes: Buffer.from(bytes),
      }));
      const first = { offsetBytes: 0, bytes: mbrSector(entries) };
      const disk = memoryDisk([...(withTable ? Object.values(table) : []), first, ...content], {
        sizeBytes: SIZE,
      });
      try {
        const { offsetBytes, lengthBytes } = await findVolume(disk);
        expect(offsetBytes + lengthBytes).toBeLessThanOrEqual(SIZE);
      } catch (error) {
        expect(isStationError(error, 'volume-refused'), String(error)).toBe(true);
      }
      expect(disk.reads.length).toBeLessThan(1000);
    }),
    { numRuns: 200 },
  );
});
