import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, expect, test } from 'vitest';
import type { DriveLog, LogBlob, LogBlock } from '../../../src/formats/drive-log.ts';
import { driveLogXml } from '../../../src/formats/drive-log-writer.ts';
import { errorsOnly } from '../../../src/formats/errors-only.ts';
import { readDriveManifest } from '../../../src/formats/manifest-reader.ts';
import { readDriveLog } from '../../support/drive-log-reader.ts';
import { logOf, plainBlob } from '../../support/drive-logs.ts';
import { blobText, HEAD, TAIL } from '../../support/manifests.ts';

/**
 * Memory that is alive, at its highest while a document goes by. The garbage is collected at each look, so
 * what is counted is what somebody holds: it does not depend on the machine or on when V8 collects.
 */
const LOOKS = 8;
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

interface Watched {
  readonly bytes: number;
  readonly pieces: number;
  readonly longestPiece: number;
  readonly heldBytes: number;
}

async function watch(pieces: AsyncIterable<string>, expectedBytes: number): Promise<Watched> {
  collect();
  const before = process.memoryUsage().heapUsed;
  let [bytes, count, longestPiece, heldBytes, looks] = [0, 0, 0, 0, 0];
  for await (const piece of pieces) {
    bytes += piece.length;
    count++;
    longestPiece = Math.max(longestPiece, piece.length);
    if (bytes > (looks * expectedBytes) / LOOKS) {
      looks++;
      collect();
      heldBytes = Math.max(heldBytes, process.memoryUsage().heapUsed - before);
    }
  }
  return { bytes, pieces: count, longestPiece, heldBytes };
}

const block = (offset: number): LogBlock => {
  const hash = 'AA2585F6F6FD01C4AD4256E018240CD4';
  return { offset, length: 8_388_608, id: 'A'.repeat(84), hash, status: 'Failed' };
};
function* blocks(count: number) {
  for (let at = 0; at < count; at++) yield block(at);
}
async function* blobs(count: number): AsyncGenerator<LogBlob> {
  for (let at = 0; at < count; at++) {
    const ranges = { kind: 'blocks', list: blocks(1) } as const;
    yield plainBlob({ status: 'Failed', blobPath: `disks/folder/${at}.jpg`, ranges });
  }
}

const BLOB_BYTES = 450;
const BLOCK_BYTES = 200;
const MIB = 1024 * 1024;

/** What the library makes once, at its first use, is not the log's. */
beforeAll(async () => {
  await watch(driveLogXml(logOf(blobs(500))), 500 * BLOB_BYTES);
});

test.each([
  ['few blobs', logOf(blobs(500)), 500 * BLOB_BYTES],
  ['ten times as many', logOf(blobs(5_000)), 5_000 * BLOB_BYTES],
  [
    'one blob of 20,000 blocks',
    logOf([plainBlob({ status: 'Failed', ranges: { kind: 'blocks', list: blocks(20_000) } })]),
    20_000 * BLOCK_BYTES,
  ],
] as const)(
  'a log of %s takes the same memory to write',
  async (_, log: DriveLog, bytes) => {
    const seen = await watch(driveLogXml(errorsOnly(log)), bytes);
    expect(seen.bytes).toBeGreaterThan(bytes * 0.7);
    expect(seen.pieces).toBeGreaterThanOrEqual(Math.floor(seen.bytes / 70_000));
    expect(seen.longestPiece).toBeLessThan(70_000);
    expect(seen.heldBytes).toBeLessThan(MIB);
  },
  60_000,
);

test.each([1_000, 20_000])(
  'a log of %d blobs takes the same memory to read',
  async (count) => {
    const text =
      '<Blob Status="Failed"><BlobPath>a/b</BlobPath><FilePath>b</FilePath><Length>5</Length>';
    let found = 0;
    async function* document() {
      yield '<DriveLog><DriveId>a</DriveId>';
      for (let at = 0; at < count; at++) yield `${text}<BlockList/></Blob>`;
      yield '<Status>Completed</Status></DriveLog>';
    }
    async function* paths() {
      for await (const { blobPath } of (await readDriveLog(document())).blobs) {
        found++;
        yield blobPath;
      }
    }
    const seen = await watch(paths(), count * 3);
    expect(found).toBe(count);
    expect(seen.heldBytes).toBeLessThan(MIB);
  },
  60_000,
);

test.each([1_000, 30_000])(
  'a manifest of %d blobs takes the same memory to read',
  async (count) => {
    let found = 0;
    async function* document() {
      yield `${HEAD}<BlobList>`;
      for (let at = 0; at < count; at++) yield Buffer.from(blobText({ path: `disks/${at}` }));
      yield `</BlobList>${TAIL}`;
    }
    async function* names() {
      for await (const item of readDriveManifest(document())) {
        if (item.kind !== 'blob') continue;
        found++;
        yield item.path.name;
      }
    }
    const seen = await watch(names(), count * 4);
    expect(found).toBe(count);
    expect(seen.heldBytes).toBeLessThan(MIB);
  },
  60_000,
);

test('two million blobs are read as they come: a hundred are known before more is asked for', async () => {
  let asked = 0;
  async function* document() {
    yield `${HEAD}<BlobList>`;
    for (; asked < 2_000_000; asked++) yield blobText({ path: `disks/${asked}` });
    yield `</BlobList>${TAIL}`;
  }
  let found = 0;
  for await (const item of readDriveManifest(document())) {
    if (item.kind === 'blob' && ++found === 100) break;
  }
  expect(asked).toBeLessThan(102);
});
