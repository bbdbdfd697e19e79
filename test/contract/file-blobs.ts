import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clearName, lookFor } from '../../src/blobs/clear-name.ts';
import type {
  BlobContainer,
  CreatePages,
  ListedBlob,
  PageRange,
  PutBlob,
  WritePages,
} from '../../src/blobs/contract.ts';
import { allBlobs, allPageRanges } from '../../src/blobs/listing.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import type { ErrorCode } from '../../src/errors.ts';
import {
  blobName,
  type ContainerUnderTest,
  md5Of,
  readAll,
  sharedBytes,
  stageOf,
} from './blobs.ts';

const MIB = 1024 * 1024;
const live = () => new AbortController().signal;
const photo = blobName('pictures/bob/desert (2).jpg');
const OTHER_MD5 = md5Of(Buffer.from('other'));

export function putOf(name: BlobName, body: Buffer): PutBlob {
  return { name, body, md5: md5Of(body), metadata: {} };
}

export function pagesOf(name: BlobName, offsetBytes: number, body: Buffer): WritePages {
  return { name, offsetBytes, body, md5: md5Of(body) };
}

/** What a copy of files asks of every implementation beside what a copy of a disk does. */
export function fileBlobContract(
  title: string,
  makeContainer: () => Promise<ContainerUnderTest>,
): void {
  describe(`blob container for files: ${title}`, () => {
    let under: ContainerUnderTest;
    let container: BlobContainer;

    beforeEach(async () => {
      under = await makeContainer();
      container = under.container;
      await container.ensure(live());
    });
    afterEach(() => under[Symbol.asyncDispose]());

    const put = (name: BlobName, body: Buffer) => container.put(putOf(name, body), live());
    const create = (name: BlobName, lengthBytes: number) =>
      container.createPages({ name, lengthBytes, metadata: {} }, live());
    const write = (name: BlobName, offsetBytes: number, body: Buffer) =>
      container.writePages(pagesOf(name, offsetBytes, body), live());
    const refused = (work: Promise<unknown>, code: ErrorCode) =>
      expect(work).rejects.toMatchObject({ name: 'StationError', code });
    const holds = async (name: BlobName, body: Uint8Array) =>
      expect((await readAll(container, name)).equals(body)).toBe(true);
    const absent = async (name: BlobName) =>
      expect(await lookFor(container, name, live())).toBeUndefined();
    const rangesOf = async (name: BlobName) => {
      const ranges: PageRange[] = [];
      for await (const range of allPageRanges(container, name, live())) ranges.push(range);
      return ranges;
    };
    const listed = async (prefix: string) => {
      const blobs: ListedBlob[] = [];
      for await (const blob of allBlobs(container, { prefix }, live())) blobs.push(blob);
      return blobs;
    };

    describe('a put', () => {
      it('makes a block blob of exactly its bytes, and tells its state', async () => {
        const body = sharedBytes(300_000, 1);
        const written = await put(photo, body);
        await holds(photo, body);
        expect(await container.properties(photo, live())).toMatchObject({
          ...written,
          type: 'block',
          lengthBytes: body.length,
          md5: md5Of(body),
          contentType: 'application/octet-stream',
          contentEncoding: undefined,
          metadata: {},
        });
        expect(await container.listBlocks(photo, live())).toEqual({
          committed: [],
          uncommitted: [],
        });
      });

      it('makes a blob of no bytes', async () => {
        await put(photo, Buffer.alloc(0));
        expect(await container.properties(photo, live())).toMatchObject({ lengthBytes: 0 });
        await holds(photo, Buffer.alloc(0));
      });

      it('keeps headers and metadata as they are given, and the bytes as they are', async () => {
        const headers = {
          contentType: 'text/html; charset="utf-8"',
          contentEncoding: 'gzip',
          contentLanguage: 'de-CH, en',
          cacheControl: 'no-cache, max-age=0',
        };
        const body = sharedBytes(1000, 1);
        const metadata = { Author: 'Bob', place_2: 'Uyuni (BO)' };
        await container.put({ ...putOf(photo, body), ...headers, metadata }, live());
        expect(await container.properties(photo, live())).toMatchObject({
          ...headers,
          metadata: { author: 'Bob', place_2: 'Uyuni (BO)' },
        });
        await holds(photo, body);
      });

      it('refuses a body that does not have its checksum, and leaves nothing of it', async () => {
        const damaged = { ...putOf(photo, sharedBytes(1000, 1)), md5: OTHER_MD5 };
        await refused(container.put(damaged, live()), 'checksum-mismatch');
        await absent(photo);
      });

      it('never replaces a blob unless it is told to', async () => {
        const old = sharedBytes(1000, 1);
        await put(photo, old);
        await refused(put(photo, sharedBytes(10, 2)), 'destination-exists');
        await refused(create(photo, 512), 'destination-exists');
        await holds(photo, old);
      });

      it('replaces a blob with all that belongs to it', async () => {
        const old = { ...putOf(photo, sharedBytes(1000, 1)), cacheControl: 'no-store' };
        const first = await container.put({ ...old, metadata: { a: 'b' } }, live());
        const body = sharedBytes(2000, 2);
        const replacing = { ...putOf(photo, body), condition: 'replace' } as const;
        const second = await container.put(replacing, live());
        expect(second.etag).not.toBe(first.etag);
        await holds(photo, body);
        expect(await container.properties(photo, live())).toMatchObject({
          ...second,
          md5: md5Of(body),
          cacheControl: undefined,
          metadata: {},
        });
      });

      it('makes a blob that was to be replaced and is not there', async () => {
        const body = sharedBytes(5, 1);
        await container.put({ ...putOf(photo, body), condition: 'replace' }, live());
        await holds(photo, body);
      });

      it('replaces one blob alone when it is told which', async () => {
        const { etag } = await put(photo, sharedBytes(1000, 1));
        const body = sharedBytes(10, 2);
        const replacing = { ...putOf(photo, body), condition: { etag } };
        const second = await container.put(replacing, live());
        await holds(photo, body);
        const third = { ...putOf(photo, sharedBytes(20, 3)), condition: { etag } };
        await refused(container.put(third, live()), 'destination-exists');
        await holds(photo, body);
        await container.remove({ name: photo, etag: second.etag }, live());
        await refused(container.put(third, live()), 'destination-exists');
        await absent(photo);
      });

      it('keeps the old blob when what is to replace it arrives damaged', async () => {
        const old = sharedBytes(1000, 1);
        await put(photo, old);
        const damaged = { ...putOf(photo, sharedBytes(9, 2)), md5: OTHER_MD5 };
        await refused(
          container.put({ ...damaged, condition: 'replace' }, live()),
          'checksum-mismatch',
        );
        await holds(photo, old);
      });

      it('lets exactly one of two at once win', async () => {
        const bodies = [sharedBytes(5000, 1), sharedBytes(5000, 2)];
        const ends = await Promise.allSettled(bodies.map((body) => put(photo, body)));
        const lost = ends.filter((end) => end.status === 'rejected');
        expect(lost.map((end) => end.reason)).toMatchObject([{ code: 'destination-exists' }]);
        const winner = ends.findIndex((end) => end.status === 'fulfilled');
        await holds(photo, bodies[winner] ?? Buffer.alloc(0));
      });

      it('lets many that replace each other all come through, one of them whole', async () => {
        const bodies = Array.from({ length: 6 }, (_, index) => sharedBytes(3000, index));
        await Promise.all(
          bodies.map((body) =>
            container.put({ ...putOf(photo, body), condition: 'replace' }, live()),
          ),
        );
        const { md5 } = await container.properties(photo, live());
        expect(bodies.map(md5Of)).toContain(md5);
        expect(md5Of(await readAll(container, photo))).toBe(md5);
      });

      it.each(['', ' spaced', 'größe', 'a\r\nx-ms-meta-a: b', 'x'.repeat(1025)])(
        'refuses the header value %j',
        async (value) => {
          const body = sharedBytes(5, 1);
          for (const header of ['contentType', 'contentEncoding', 'cacheControl']) {
            const blob = { ...putOf(photo, body), [header]: value };
            await refused(container.put(blob, live()), 'storage-rejected');
          }
          await absent(photo);
        },
      );
    });

    describe('a commit', () => {
      const ids = ['AAAAAA==', 'AQAAAA==', 'AgAAAA=='];
      const stage = (id: string, body: Buffer) =>
        container.stageBlock({ name: photo, id, body, md5: md5Of(body) }, live());
      const commitOf = (blocks: readonly string[], whole: Uint8Array) => ({
        name: photo,
        blocks,
        md5: md5Of(whole),
        metadata: {},
      });

      it('takes the ids of a manifest, and tells the state of the blob', async () => {
        const bodies = [sharedBytes(1000, 1), sharedBytes(1000, 2), sharedBytes(7, 3)];
        for (const [index, body] of bodies.entries()) await stage(ids[index] ?? '', body);
        const written = await container.commit(commitOf(ids, Buffer.concat(bodies)), live());
        await holds(photo, Buffer.concat(bodies));
        expect(await container.properties(photo, live())).toMatchObject(written);
        const { committed } = await container.listBlocks(photo, live());
        expect(committed?.map((block) => block.id)).toEqual(ids);
      });

      it('puts a block in every place where the list has its id', async () => {
        const id = 'MD5/cAzn4h7VVSWXf696qp5Uaw==';
        const body = sharedBytes(1000, 1);
        const whole = Buffer.concat([body, body]);
        await stage(id, body);
        await container.commit(commitOf([id, id], whole), live());
        await holds(photo, whole);
        const { committed } = await container.listBlocks(photo, live());
        expect(committed).toEqual(Array(2).fill({ id, lengthBytes: 1000 }));
      });

      it('replaces a block blob when it is told to, and only then', async () => {
        const first = await put(photo, sharedBytes(5000, 1));
        const body = sharedBytes(10, 2);
        await stage('AAAAAA==', body);
        const commit = { ...commitOf(['AAAAAA=='], body), contentLanguage: 'en' };
        await refused(container.commit(commit, live()), 'destination-exists');
        const second = await container.commit({ ...commit, condition: 'replace' }, live());
        expect(second.etag).not.toBe(first.etag);
        await holds(photo, body);
        expect(await container.properties(photo, live())).toMatchObject({
          ...second,
          contentLanguage: 'en',
        });
      });

      it('replaces one block blob alone when it is told which', async () => {
        const { etag } = await put(photo, sharedBytes(5000, 1));
        const body = sharedBytes(10, 2);
        await stage('AAAAAA==', body);
        const commit = { ...commitOf(['AAAAAA=='], body), condition: { etag } };
        await container.commit(commit, live());
        await holds(photo, body);
        await stage('AAAAAA==', sharedBytes(10, 3));
        await refused(container.commit(commit, live()), 'destination-exists');
        await holds(photo, body);
      });

      it('keeps the Content-MD5 that it is told to keep, although it is none of these bytes', async () => {
        const body = sharedBytes(10, 2);
        await stage('AAAAAA==', body);
        const commit = { ...commitOf(['AAAAAA=='], body), contentMd5: OTHER_MD5 };
        await container.commit(commit, live());
        expect((await container.properties(photo, live())).md5).toBe(OTHER_MD5);
      });

      it.each(['', 'no Base64', 'AAAA AA==', 'AAAAAA==\n', 'AAA', 'ÄÄÄÄ'])(
        'refuses the block id %j',
        async (id) => {
          await refused(stage(id, sharedBytes(5, 1)), 'storage-rejected');
          await refused(
            container.commit(commitOf([id], Buffer.alloc(0)), live()),
            'storage-rejected',
          );
          await absent(photo);
        },
      );
    });

    describe('a page blob', () => {
      it('reads as zeros where nothing was written', async () => {
        const written = await create(photo, 8192);
        await holds(photo, Buffer.alloc(8192));
        expect(await rangesOf(photo)).toEqual([]);
        expect(await container.properties(photo, live())).toMatchObject({
          ...written,
          type: 'page',
          lengthBytes: 8192,
          md5: undefined,
        });
      });

      it('holds pages where they were written, whatever their order', async () => {
        await create(photo, 16_384);
        const expected = Buffer.alloc(16_384);
        for (const [at, length] of [
          [12_288, 512],
          [0, 1024],
          [2048, 1024],
          [1024, 1024],
        ] as const) {
          const body = sharedBytes(length, at);
          await write(photo, at, body);
          body.copy(expected, at);
        }
        await holds(photo, expected);
        expect(await rangesOf(photo)).toEqual([
          { offsetBytes: 0, lengthBytes: 3072 },
          { offsetBytes: 12_288, lengthBytes: 512 },
        ]);
      });

      it('counts zeros that were written as written', async () => {
        await create(photo, 4096);
        await write(photo, 512, Buffer.alloc(1024));
        expect(await rangesOf(photo)).toEqual([{ offsetBytes: 512, lengthBytes: 1024 }]);
      });

      it('takes the last of what is written twice, and shows that it was touched', async () => {
        const { etag } = await create(photo, 4096);
        await write(photo, 0, sharedBytes(2048, 1));
        await write(photo, 512, sharedBytes(512, 2));
        const expected = Buffer.alloc(4096);
        sharedBytes(2048, 1).copy(expected, 0);
        sharedBytes(512, 2).copy(expected, 512);
        await holds(photo, expected);
        expect(await rangesOf(photo)).toEqual([{ offsetBytes: 0, lengthBytes: 2048 }]);
        expect((await container.properties(photo, live())).etag).not.toBe(etag);
      });

      it('takes 4 MiB at once, and many writes at once', async () => {
        await create(photo, 16 * MIB);
        const bodies = [0, 1, 2, 3].map((index) => sharedBytes(4 * MIB, index));
        await Promise.all(bodies.map((body, index) => write(photo, index * 4 * MIB, body)));
        await holds(photo, Buffer.concat(bodies));
        expect(await rangesOf(photo)).toEqual([{ offsetBytes: 0, lengthBytes: 16 * MIB }]);
      });

      it('keeps headers, metadata and the Content-MD5 that it is told to keep', async () => {
        const blob: CreatePages = {
          name: photo,
          lengthBytes: 512,
          contentType: 'application/x-vhd',
          cacheControl: 'no-cache',
          contentMd5: OTHER_MD5,
          metadata: { a: 'b' },
        };
        await container.createPages(blob, live());
        await write(photo, 0, sharedBytes(512, 1));
        expect(await container.properties(photo, live())).toMatchObject({
          contentType: 'application/x-vhd',
          cacheControl: 'no-cache',
          md5: OTHER_MD5,
          metadata: { a: 'b' },
        });
      });

      it('has the sequence number that it is given, whatever is written, and else 0', async () => {
        const blob = { name: photo, lengthBytes: 1024, metadata: { a: 'b' } };
        await container.createPages({ ...blob, sequenceNumber: 2 ** 48 - 2 }, live());
        await write(photo, 0, sharedBytes(512, 1));
        expect(await container.properties(photo, live())).toMatchObject({
          sequenceNumber: 2 ** 48 - 2,
        });
        await container.createPages({ ...blob, condition: 'replace' }, live());
        expect(await container.properties(photo, live())).toMatchObject({ sequenceNumber: 0 });
        await put(blobName('block'), sharedBytes(5, 1));
        expect((await container.properties(blobName('block'), live())).sequenceNumber).toBe(
          undefined,
        );
      });

      it('is written only while it has the number that is demanded', async () => {
        const blob = { name: photo, lengthBytes: 1024, metadata: {}, sequenceNumber: 7 };
        await container.createPages(blob, live());
        const body = sharedBytes(512, 1);
        const pages = pagesOf(photo, 512, body);
        for (const sequenceNumber of [0, 6, 8]) {
          await refused(container.writePages({ ...pages, sequenceNumber }, live()), 'blob-changed');
        }
        expect(await rangesOf(photo)).toEqual([]);
        await container.writePages({ ...pages, sequenceNumber: 7 }, live());
        await holds(photo, Buffer.concat([Buffer.alloc(512), body]));
      });

      it('gets the number 0 again in the state that was seen, and nothing else is changed', async () => {
        const blob = {
          ...{ name: photo, lengthBytes: 1024, metadata: { a: 'b' }, contentMd5: OTHER_MD5 },
          ...{ contentType: 'application/x-vhd', cacheControl: 'no-cache', sequenceNumber: 7 },
        };
        const { etag } = await container.createPages(blob, live());
        await write(photo, 0, sharedBytes(512, 1));
        await refused(container.resetSequence({ name: photo, etag }, live()), 'blob-changed');
        const before = await container.properties(photo, live());
        const changed = await container.resetSequence({ name: photo, etag: before.etag }, live());
        expect(changed.etag).not.toBe(before.etag);
        const after = await container.properties(photo, live());
        const may = { answeredAt: expect.any(Date), lastModified: expect.any(Date) };
        expect(after).toEqual({ ...before, ...may, sequenceNumber: 0, etag: changed.etag });
        expect(await rangesOf(photo)).toEqual([{ offsetBytes: 0, lengthBytes: 512 }]);
        await refused(
          container.resetSequence({ name: blobName('none'), etag }, live()),
          'blob-not-found',
        );
      });

      it.each([-1, 0.5, 2 ** 53])('does not have %d for its number', async (sequenceNumber) => {
        const blob = { name: photo, lengthBytes: 512, metadata: {}, sequenceNumber };
        await refused(container.createPages(blob, live()), 'storage-rejected');
        await absent(photo);
      });

      it('can be of no bytes, and larger than any disk of the station', async () => {
        await create(photo, 0);
        await holds(photo, Buffer.alloc(0));
        const huge = blobName('huge.vhd');
        await create(huge, 2 * 1024 ** 4);
        await write(huge, 1024 ** 4, sharedBytes(512, 1));
        expect((await container.properties(huge, live())).lengthBytes).toBe(2 * 1024 ** 4);
        expect(await rangesOf(huge)).toEqual([{ offsetBytes: 1024 ** 4, lengthBytes: 512 }]);
      });

      it('replaces a blob of any type, and is replaced, when that is asked for', async () => {
        const replace = { name: photo, condition: 'replace', metadata: {} } as const;
        await put(photo, sharedBytes(5000, 1));
        await container.createPages({ ...replace, lengthBytes: 1024 }, live());
        await write(photo, 0, sharedBytes(512, 1));
        await container.createPages({ ...replace, lengthBytes: 2048 }, live());
        await holds(photo, Buffer.alloc(2048));
        expect(await rangesOf(photo)).toEqual([]);
        const body = sharedBytes(77, 2);
        await container.put({ ...putOf(photo, body), ...replace }, live());
        await holds(photo, body);
        expect((await container.properties(photo, live())).type).toBe('block');
      });

      it('refuses pages that do not have their checksum, and leaves nothing of them', async () => {
        await create(photo, 1024);
        const damaged = { ...pagesOf(photo, 0, sharedBytes(512, 1)), md5: OTHER_MD5 };
        await refused(container.writePages(damaged, live()), 'checksum-mismatch');
        await holds(photo, Buffer.alloc(1024));
        expect(await rangesOf(photo)).toEqual([]);
      });

      it.each([
        { what: 'beyond the end', at: 1024, length: 512 },
        { what: 'at no page', at: 100, length: 512 },
        { what: 'below zero', at: -512, length: 512 },
        { what: 'of no pages', at: 0, length: 0 },
        { what: 'of half a page', at: 0, length: 256 },
        { what: 'of more than 4 MiB', at: 0, length: 4 * MIB + 512 },
      ])('refuses to write $what', async ({ at, length }) => {
        await create(photo, 1024);
        await refused(write(photo, at, Buffer.alloc(length, 1)), 'storage-rejected');
        expect((await container.properties(photo, live())).lengthBytes).toBe(1024);
        expect(await rangesOf(photo)).toEqual([]);
      });

      it.each([100, -512, 0.5, 8 * 1024 ** 4 + 512])('is not %d bytes long', async (length) => {
        await refused(create(photo, length), 'storage-rejected');
        await absent(photo);
      });

      it('is not there before it is made', async () => {
        await refused(write(photo, 0, sharedBytes(512, 1)), 'blob-not-found');
        await refused(rangesOf(photo), 'blob-not-found');
        await absent(photo);
      });

      it('has no blocks, and a block blob has no pages', async () => {
        await create(photo, 512);
        const block = stageOf(photo, 0, sharedBytes(5, 1));
        const commit = { name: photo, blocks: [], md5: md5Of(Buffer.alloc(0)), metadata: {} };
        await refused(container.stageBlock(block, live()), 'blob-of-other-type');
        await refused(container.listBlocks(photo, live()), 'blob-of-other-type');
        await refused(
          container.commit({ ...commit, condition: 'replace' }, live()),
          'blob-of-other-type',
        );
        await holds(photo, Buffer.alloc(512));
        const text = blobName('a.txt');
        await put(text, sharedBytes(512, 1));
        await refused(write(text, 0, sharedBytes(512, 2)), 'blob-of-other-type');
        await refused(rangesOf(text), 'blob-of-other-type');
        await holds(text, sharedBytes(512, 1));
      });
    });

    describe('a listing', () => {
      it('tells of every blob what a question for it would', async () => {
        await put(photo, sharedBytes(100, 1));
        await create(blobName('disk.vhd'), 1024);
        await write(blobName('disk.vhd'), 0, sharedBytes(512, 1));
        const found = await listed('');
        expect(found).toHaveLength(2);
        for (const blob of found) {
          const { type, lengthBytes, md5, etag, lastModified } = await container.properties(
            blobName(blob.name),
            live(),
          );
          expect(blob).toEqual({ name: blob.name, type, lengthBytes, md5, etag, lastModified });
        }
      });

      it('finds names as they were given, by how they begin', async () => {
        const names = [
          ' leading/and trailing ',
          '.hidden',
          '007',
          '1e3',
          'a&amp;b<c>',
          'job-1/a',
          'job-1/sub/ünï/сода/🙂',
          'job-10/100%/%2e%2e',
          'quote\'"*:back?x=1#y',
          `${'long-'.repeat(200)}end`,
        ];
        await Promise.all(names.map((name) => put(blobName(name), sharedBytes(1, 1))));
        for (const prefix of [
          '',
          '.',
          ' ',
          'job-1',
          'job-1/',
          'job-1/sub/ü',
          'long-'.repeat(150),
        ]) {
          const found = (await listed(prefix)).map((blob) => blob.name).sort();
          expect(found).toEqual(names.filter((name) => name.startsWith(prefix)).sort());
        }
        expect(await listed('nothing')).toEqual([]);
      });

      it('leaves out what is only staged', async () => {
        await container.stageBlock(stageOf(photo, 0, sharedBytes(5, 1)), live());
        expect(await listed('')).toEqual([]);
      });

      it('has hundreds that were put at once', async () => {
        const names = Array.from({ length: 300 }, (_, index) => `many/${index}`);
        await Promise.all(names.map((name) => put(blobName(name), sharedBytes(20, 1))));
        const found = await listed('many/');
        expect(found.map((blob) => blob.name).sort()).toEqual(names.sort());
        expect(new Set(found.map((blob) => blob.md5))).toEqual(
          new Set([md5Of(sharedBytes(20, 1))]),
        );
      });
    });

    describe('removing', () => {
      it('removes a blob in the state that was seen', async () => {
        const { etag } = await put(photo, sharedBytes(5, 1));
        await container.remove({ name: photo, etag }, live());
        await absent(photo);
        expect(await listed('')).toEqual([]);
        await put(photo, sharedBytes(6, 1));
        await holds(photo, sharedBytes(6, 1));
      });

      it('leaves a blob alone that was written since', async () => {
        const { etag } = await create(photo, 512);
        await write(photo, 0, sharedBytes(512, 1));
        await refused(container.remove({ name: photo, etag }, live()), 'blob-changed');
        await holds(photo, sharedBytes(512, 1));
      });

      it('says that there is nothing', async () => {
        const nothing = container.remove({ name: photo, etag: '"0x1"' }, live());
        await refused(nothing, 'blob-not-found');
      });
    });

    describe('clearing a name', () => {
      const block = stageOf(photo, 0, sharedBytes(500, 1));
      const shortId = { ...block, id: 'AAAAAA==' };

      it('forgets staged blocks, so that ids of another length can be staged', async () => {
        await container.stageBlock(block, live());
        await clearName(container, { name: photo, condition: 'must-not-exist' }, live());
        await absent(photo);
        const nothing = { committed: undefined, uncommitted: [] };
        expect(await container.listBlocks(photo, live())).toEqual(nothing);
        await container.stageBlock(shortId, live());
        expect((await container.listBlocks(photo, live())).uncommitted).toHaveLength(1);
      });

      it('touches neither a committed blob nor what is staged beside it', async () => {
        const { etag } = await put(photo, sharedBytes(5, 1));
        await container.stageBlock(block, live());
        const clearing = clearName(container, { name: photo, condition: 'must-not-exist' }, live());
        await refused(clearing, 'destination-exists');
        expect((await container.properties(photo, live())).etag).toBe(etag);
        expect((await container.listBlocks(photo, live())).uncommitted).toHaveLength(1);
      });

      it('takes away a blob of any type when it is to be replaced', async () => {
        const text = blobName('a.txt');
        await create(photo, 512);
        await put(text, sharedBytes(5, 1));
        await container.stageBlock({ ...block, name: text }, live());
        for (const name of [photo, text]) {
          await clearName(container, { name, condition: 'replace' }, live());
          await absent(name);
          await container.stageBlock({ ...shortId, name }, live());
        }
      });

      it('takes away the empty blob that an interrupted clearing left', async () => {
        const metadata = { drive_station_placeholder: 'clear-name' };
        await container.put({ ...putOf(photo, Buffer.alloc(0)), metadata }, live());
        await clearName(container, { name: photo, condition: 'must-not-exist' }, live());
        await absent(photo);
      });

      it('has nothing to do where nothing is', async () => {
        await clearName(container, { name: photo, condition: 'must-not-exist' }, live());
        await absent(photo);
      });
    });

    /** Everything that takes a name and a signal. */
    const everything: readonly ((name: BlobName, signal: AbortSignal) => Promise<unknown>)[] = [
      (name, signal) => container.put(putOf(name, sharedBytes(5, 1)), signal),
      (name, signal) => container.createPages({ name, lengthBytes: 512, metadata: {} }, signal),
      (name, signal) => container.writePages(pagesOf(name, 0, sharedBytes(512, 1)), signal),
      (name, signal) => container.pageRanges({ name }, signal),
      (name, signal) => container.remove({ name, etag: '"0x1"' }, signal),
      (name, signal) => clearName(container, { name, condition: 'replace' }, signal),
      (name, signal) => lookFor(container, name, signal),
    ];

    it.each(['', '..', '../other/x', 'a/./b', '/a', 'a\\b', 'a\u0000b', 'a\ud800b'])(
      'refuses the name %j, which would arrive as another one',
      async (text) => {
        for (const ask of everything)
          await refused(ask(blobName(text), live()), 'storage-rejected');
        expect(await listed('')).toEqual([]);
      },
    );

    it('does nothing when cancelled before it began', async () => {
      const cancelled = AbortSignal.abort();
      for (const ask of everything) await refused(ask(photo, cancelled), 'cancelled');
      await refused(container.listBlobs({ prefix: '' }, cancelled), 'cancelled');
      await refused(allBlobs(container, { prefix: '' }, cancelled).next(), 'cancelled');
      expect(await listed('')).toEqual([]);
    });

    it('settles a put cancelled in the middle, whole or not at all', async () => {
      const body = sharedBytes(16 * MIB, 1);
      for (const [index, afterMs] of [0, 1, 4, 12, 30].entries()) {
        const name = blobName(`cancelled/${index}`);
        const controller = new AbortController();
        const putting = container.put(putOf(name, body), controller.signal);
        setTimeout(() => controller.abort(), afterMs);
        const [end] = await Promise.allSettled([putting]);
        if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'cancelled' });
        else await holds(name, body);
      }
      for (const blob of await listed('cancelled/')) expect(blob.md5).toBe(md5Of(body));
    });
  });
}
