import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { BlobContainer } from '../../../src/blobs/contract.ts';
import { DirectoryContainer } from '../../../src/blobs/directory.ts';
import { lookAgain } from '../../../src/copy/settle.ts';
import { treeDigest } from '../../../src/copy/tree-digest.ts';
import type { BlobName } from '../../../src/domain/blob-name.ts';
import { encodeBlockId } from '../../../src/domain/block-id.ts';
import type { BlobEvidence } from '../../../src/domain/verdict.ts';

/** A disk of many blobs: what was settled first is looked at once more before the verdict. */

const never = new AbortController().signal;
const digestOf = (kind: 'md5' | 'sha256', bytes: Buffer) =>
  createHash(kind).update(bytes).digest('hex');
const RIGHT = Buffer.from('0123456789');
const OTHER = Buffer.from('9876543210');
const blob = {
  name: 'D.img.000' as BlobName,
  lengthBytes: RIGHT.length,
  blockBytes: RIGHT.length,
  extents: [{ offsetBytes: 0, lengthBytes: RIGHT.length }],
};

let directory: string;
let container: BlobContainer;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-settle-'));
  container = new DirectoryContainer({ directory, container: 'images' });
  await container.ensure(never);
});
afterEach(() => rm(directory, { recursive: true }));

async function store(body: Buffer, digest: { md5?: string }): Promise<void> {
  const sha256 = digestOf('sha256', body);
  const id = encodeBlockId({ nonce: '00112233aabbccdd', index: 0, sha256, unreadableBytes: 0 });
  await container.stageBlock({ name: blob.name, id, body, md5: digestOf('md5', body) }, never);
  await container.commit({ name: blob.name, blocks: [id], ...digest, metadata: {} }, never);
}

function settled(computedMd5: string): BlobEvidence {
  const md5 = computedMd5 === '' ? undefined : computedMd5;
  return {
    name: blob.name,
    url: container.urlOf(blob.name),
    plannedBytes: blob.lengthBytes,
    readBytes: blob.lengthBytes,
    computedMd5,
    treeDigest: treeDigest([digestOf('sha256', RIGHT)]),
    committed: { lengthBytes: blob.lengthBytes, md5, blocksAgree: true },
  };
}

it('agrees as long as nobody touched the blob', async () => {
  const md5 = digestOf('md5', RIGHT);
  await store(RIGHT, { md5 });
  expect(await lookAgain(blob, settled(md5), container, never)).toEqual(settled(md5));
});

it('tells a blob that somebody replaced, also when neither has an MD5', async () => {
  await store(OTHER, {});
  const again = await lookAgain(blob, settled(''), container, never);
  expect(again.committed).toMatchObject({ lengthBytes: RIGHT.length, blocksAgree: false });
});

it('has nothing to say of a blob that is gone, so that it is copied once more', async () => {
  const look = lookAgain(blob, settled(''), container, never);
  await expect(look).rejects.toMatchObject({ code: 'blob-not-found' });
});
