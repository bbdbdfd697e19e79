import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FilesEvidence, judgeFiles } from '../../../src/domain/files-verdict.ts';
import { type BlobEvidence, judge } from '../../../src/domain/verdict.ts';

const whole: BlobEvidence = {
  name: 'disk.img',
  url: 'https://example.net/disks/disk.img',
  plannedBytes: 4096,
  readBytes: 4096,
  computedMd5: 'a'.repeat(32),
  treeDigest: 'b'.repeat(64),
  committed: { lengthBytes: 4096, md5: 'a'.repeat(32), blocksAgree: true },
};

test('Completed: all bytes read, and size, digest and blocks read back and equal', () => {
  const verdict = judge({ plannedBytes: 4096, blobs: [whole], kernelWrites: 0 });
  expect(verdict).toMatchObject({
    outcome: 'Completed',
    copyStatus: 'Completed',
    verifiedBytes: 4096,
    reasons: [{ code: 'all-verified' }],
  });
});

test.each<[string, BlobEvidence]>([
  ['bytes-missing', { ...whole, readBytes: 4095 }],
  ['size-differs', { ...whole, committed: { ...whole.committed, lengthBytes: 1 } }],
  ['digest-differs', { ...whole, committed: { ...whole.committed, md5: undefined } }],
  ['digest-differs', { ...whole, computedMd5: 'c'.repeat(32) }],
  ['blocks-differ', { ...whole, committed: { ...whole.committed, blocksAgree: false } }],
])('%s is never Completed', (code, blob) => {
  const verdict = judge({ plannedBytes: 4096, blobs: [blob], kernelWrites: 0 });
  expect(verdict).toMatchObject({
    outcome: 'CompletedMoreInfo',
    copyStatus: 'CompletedWithErrors',
    safeToRemove: false,
    verifiedBytes: 0,
  });
  expect(verdict.reasons.map((reason) => reason.code)).toContain(code);
});

test('bytes that the disk did not give are told with their places, and are no digest that differs', () => {
  const first = [{ offsetBytes: 512, lengthBytes: 512 }];
  const holed: BlobEvidence = {
    ...whole,
    readBytes: 3584,
    computedMd5: '',
    committed: { ...whole.committed, md5: undefined },
    unreadable: { first, count: 3, untriedBytes: 0 },
  };
  const verdict = judge({ plannedBytes: 4096, blobs: [holed], kernelWrites: 0 });
  expect(verdict).toMatchObject({
    outcome: 'CompletedMoreInfo',
    copyStatus: 'CompletedWithErrors',
    safeToRemove: false,
    verifiedBytes: 3584,
  });
  expect(verdict.reasons.map((reason) => reason.code)).toEqual(['bytes-unreadable']);
  expect(verdict.reasons[0]?.words).toContain('512 bytes could not be read');
  expect(verdict.reasons[0]?.words).toContain('(bytes 512-1023 and 2 more)');
});

test.each([
  [3, 'disk-was-written'],
  [undefined, 'write-count-unknown'],
] as const)('%s writes to the disk are told: %s', (kernelWrites, code) => {
  const verdict = judge({ plannedBytes: 4096, blobs: [whole], kernelWrites });
  expect(verdict).toMatchObject({
    outcome: 'CompletedMoreInfo',
    copyStatus: 'CompletedWithWarnings',
    safeToRemove: true,
    reasons: [{ code }],
  });
});

test('Completed never comes with fewer blobs than planned, whatever the numbers', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 3 }), (plannedBytes, count) => {
      const blobs = Array.from({ length: count }, () => whole);
      const verdict = judge({ plannedBytes, blobs, kernelWrites: 0 });
      expect(verdict.outcome === 'Completed').toBe(plannedBytes === 4096 * count);
    }),
  );
});

describe('the verdict on files', () => {
  const judged = (damage: FilesEvidence['damage']) =>
    judgeFiles({
      ...{ plannedBytes: 9, verifiedBytes: 9, isPromised: false, isSecond: false },
      ...{ failures: [], leftOut: 0 },
      files: { planned: 1, completed: 1, withErrors: 0, skipped: 0, renamed: 0, overwritten: 0 },
      ...{ damage, notes: [], kernelWrites: 0 },
    });
  const unknown = 'the kernel’s log may not be read.';

  test.each([
    [{ said: [] }, 'Completed', ['all-verified']],
    [{ said: [], unknown }, 'CompletedWithWarnings', ['damage-unknown']],
    [{ said: ['FAT-fs: error'], unknown }, 'CompletedWithErrors', ['filesystem-damaged']],
  ] as const)('with %o of its filesystem is %s', (damage, copyStatus, codes) => {
    const verdict = judged(damage);
    expect(verdict.copyStatus).toBe(copyStatus);
    expect(verdict.reasons.map(({ code }) => code)).toEqual(codes);
  });
});
