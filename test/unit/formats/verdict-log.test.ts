import { expect, test } from 'vitest';
import { type BlobEvidence, judge } from '../../../src/domain/verdict.ts';
import { errorsOnly } from '../../../src/formats/errors-only.ts';
import { driveLogOf } from '../../../src/formats/verdict-log.ts';
import { textOf, wholeLog } from '../../support/drive-logs.ts';

const MD5 = 'aa2585f6f6fd01c4ad4256e018240cd4';
const evidence = (name: string, over: Partial<BlobEvidence> = {}): BlobEvidence => ({
  name,
  url: `https://x/${name}`,
  plannedBytes: 10,
  readBytes: 10,
  computedMd5: MD5,
  treeDigest: '00',
  committed: { lengthBytes: 10, md5: MD5, blocksAgree: true },
  ...over,
});
const blocks = [
  { offset: 0, length: 8, id: 'AAAA', md5: MD5 },
  { offset: 8, length: 2, id: 'BBBB' },
];
const sources = { driveId: 'WD-1', container: 'disks', blocksOf: () => blocks };
const logFor = (blobs: readonly BlobEvidence[], kernelWrites = 0) => {
  const plannedBytes = blobs.length * 10;
  return driveLogOf(judge({ plannedBytes, blobs, kernelWrites }), sources);
};

test('a verified image is told block by block, and its error log has nothing to tell', async () => {
  const log = logFor([evidence('job/WD-1.img.000')]);
  const verbose = await wholeLog([await textOf(log)]);
  expect(verbose).toEqual({
    version: '2014-11-01',
    driveId: 'WD-1',
    status: 'Completed',
    blobs: [
      {
        status: 'Completed',
        blobPath: 'disks/job/WD-1.img.000',
        filePath: '\\WD-1.img.000',
        length: 10,
        disposition: { value: 'no-overwrite', status: 'Created' },
        ranges: {
          kind: 'blocks',
          list: [
            { offset: 0, length: 8, id: 'AAAA', hash: MD5.toUpperCase(), status: 'Completed' },
            { offset: 8, length: 2, id: 'BBBB', status: 'Completed' },
          ],
        },
      },
    ],
  });
  expect(await wholeLog([await textOf(errorsOnly(log))])).toEqual({ ...verbose, blobs: [] });
});

test.each([
  ['IOFailed', { readBytes: 9 }],
  ['Uncommitted', { committed: { lengthBytes: 10, md5: MD5, blocksAgree: false } }],
  ['Failed', { committed: { lengthBytes: 11, md5: MD5, blocksAgree: true } }],
  ['Failed', { committed: { lengthBytes: 10, md5: undefined, blocksAgree: true } }],
] as const)(
  'a blob that is not verified has its blocks in the error log as %s',
  async (status, over) => {
    const log = logFor([evidence('good.img'), evidence('bad.img', over)]);
    const told = await wholeLog([await textOf(errorsOnly(log))]);
    expect(told.status).toBe('CompletedWithErrors');
    expect(told.blobs).toMatchObject([
      {
        status: 'CompletedWithErrors',
        blobPath: 'disks/bad.img',
        ranges: {
          list: [
            { offset: 0, status },
            { offset: 8, status },
          ],
        },
      },
    ]);
  },
);

test('the drive has the verdict’s word also where no blob has a fault', async () => {
  const log = logFor([evidence('a.img')], 3);
  expect(await wholeLog([await textOf(errorsOnly(log))])).toMatchObject({
    status: 'CompletedWithWarnings',
    blobs: [],
  });
});
