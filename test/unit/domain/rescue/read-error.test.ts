import fc from 'fast-check';
import { expect, test } from 'vitest';
import { meaningOf, type ReadErrorFacts } from '../../../../src/domain/rescue/read-error.ts';

const there: ReadErrorFacts = {
  errno: 'EIO',
  attachment: 'same',
  isOffline: false,
  kernelLines: [],
  readsElsewhere: true,
  graceIsOver: false,
};
/** As the block layer of Linux 6 writes them. */
const MEDIUM = 'critical medium error, dev sdb, sector 81920 op 0x0:(READ) flags 0x0 phys_seg 1';
const OFFLINE = 'device offline error, dev sdb, sector 81920 op 0x0:(READ) flags 0x0 phys_seg 1';
const silent = { ...there, readsElsewhere: false };
const pulled = { ...silent, attachment: 'none' } as const;

/** As recorded from loop, USB, SCSI, NVMe and virtio disks with bad places, pulled, hung and offlined. */
test.each<[string, ReadErrorFacts, string]>([
  ['a medium error on SCSI or NVMe', { ...there, errno: 'ENODATA' }, 'media'],
  ['a bad sector behind a bridge that knows only EIO', there, 'media'],
  ['a sector on which the drive times out', { ...there, errno: 'ETIMEDOUT' }, 'media'],
  ['a damaged sector with protection information', { ...there, errno: 'EILSEQ' }, 'media'],
  ['EIO, and nothing else reads either: not known yet', silent, 'unclear'],
  [
    'the same when the kernel had its time: every sector is bad',
    { ...silent, graceIsOver: true },
    'media',
  ],
  ['a pull that begins with EIO', pulled, 'gone'],
  ['a pull that begins with ENODEV', { ...pulled, errno: 'ENODEV' }, 'gone'],
  ['a pull that reads as a clean end', { ...pulled, errno: 'early-end' }, 'gone'],
  ['a clean end before the kernel has noticed', { ...silent, errno: 'early-end' }, 'unclear'],
  ['a pull, and the next disk is plugged in', { ...silent, attachment: 'another' }, 'gone'],
  ['a card that was taken out of its reader', { ...silent, errno: 'ENOMEDIUM' }, 'gone'],
  ['a disk that SCSI error handling took offline', { ...silent, isOffline: true }, 'given-up'],
  [
    'EIO everywhere, of which the kernel says that the device is offline',
    { ...silent, kernelLines: [MEDIUM, OFFLINE], graceIsOver: true },
    'given-up',
  ],
  [
    'EIO everywhere, of which the kernel says that the medium is bad',
    { ...silent, kernelLines: [OFFLINE, MEDIUM], graceIsOver: true },
    'media',
  ],
  [
    'no such device, though it is listed',
    { ...silent, errno: 'ENXIO', graceIsOver: true },
    'given-up',
  ],
  [
    'a link that is broken for good',
    { ...silent, errno: 'ENOLINK', graceIsOver: true },
    'given-up',
  ],
])('%s', (_, facts, meaning) => {
  expect(meaningOf(facts)).toBe(meaning);
});

const facts: fc.Arbitrary<ReadErrorFacts> = fc.record({
  errno: fc.constantFrom('EIO', 'ENODATA', 'ENODEV', 'ENXIO', 'ETIMEDOUT', 'early-end', 'EINVAL'),
  attachment: fc.constantFrom('same', 'another', 'none'),
  isOffline: fc.boolean(),
  kernelLines: fc.constantFrom([], [MEDIUM], [OFFLINE], [OFFLINE, MEDIUM]),
  readsElsewhere: fc.boolean(),
  graceIsOver: fc.boolean(),
});

test('a removal is never a bad sector, and an EIO of a disk that is there never a removal', () => {
  fc.assert(
    fc.property(facts, (found) => {
      const meaning = meaningOf(found);
      if (found.attachment !== 'same') expect(meaning).toBe('gone');
      if (found.attachment === 'same') expect(meaning).not.toBe('gone');
      if (found.graceIsOver) expect(meaning).not.toBe('unclear');
    }),
  );
});
