import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobContainer, CommitBlob, StageBlock } from '../../src/blobs/contract.ts';
import { writeText } from '../../src/blobs/write-text.ts';
import { type BlobName, safeSegment } from '../../src/domain/blob-name.ts';
import { encodeBlockId } from '../../src/domain/block-id.ts';
import type { ErrorCode } from '../../src/errors.ts';

/** A container under test and how to get rid of it. */
export interface ContainerUnderTest extends AsyncDisposable {
  /** Ready for `ensure`, which has not been called. */
  readonly container: BlobContainer;
}

const live = () => new AbortController().signal;

/** Names as they come out of schemas; those of the suite are meant to hurt. */
export function blobName(text: string): BlobName {
  return text as BlobName;
}

export function md5Of(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** An id of the station's own form: 61 bytes, told apart by its index. */
export function blockId(index: number): string {
  const sha256 = createHash('sha256').update(String(index)).digest('hex');
  return encodeBlockId({
    nonce: '00112233aabbccdd',
    index,
    sha256,
    md5State: sha256.slice(0, 32),
  });
}

/** Bytes in shared memory, as the copy's ring holds them, at an offset that is not zero. */
export function sharedBytes(length: number, seed: number): Buffer {
  const body = Buffer.from(new SharedArrayBuffer(length + 512), 512, length);
  for (let at = 0; at < length; at++) body[at] = (at * 31 + (at >> 8) * 7 + seed) & 0xff;
  return body;
}

export function stageOf(name: BlobName, index: number, body: Buffer): StageBlock {
  return { name, id: blockId(index), body, md5: md5Of(body) };
}

export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

export function readAll(container: BlobContainer, name: BlobName): Promise<Buffer> {
  return collect(container.read(name, live()));
}

/** What every implementation of the blob contract does, and what it refuses. */
export function blobContainerContract(
  name: string,
  makeContainer: () => Promise<ContainerUnderTest>,
): void {
  describe(`blob container: ${name}`, () => {
    let under: ContainerUnderTest;
    let container: BlobContainer;
    const disk = blobName('job-1/WD-1234/disk.img');

    beforeEach(async () => {
      under = await makeContainer();
      container = under.container;
      await container.ensure(live());
    });
    afterEach(() => under[Symbol.asyncDispose]());

    const stage = (blob: BlobName, index: number, body: Buffer) =>
      container.stageBlock(stageOf(blob, index, body), live());
    const commitOf = (blob: BlobName, bodies: readonly Buffer[]): CommitBlob => ({
      name: blob,
      blocks: bodies.map((_, index) => blockId(index)),
      md5: md5Of(Buffer.concat(bodies)),
      metadata: {},
    });
    const store = async (blob: BlobName, bodies: readonly Buffer[]) => {
      for (const [index, body] of bodies.entries()) await stage(blob, index, body);
      await container.commit(commitOf(blob, bodies), live());
    };
    const refused = async (work: Promise<unknown>, code: ErrorCode) =>
      expect(work).rejects.toMatchObject({ name: 'StationError', code });

    describe('making a blob', () => {
      it('finds the container made already', async () => {
        await container.ensure(live());
      });

      it('holds staged blocks apart until they are committed', async () => {
        await stage(disk, 0, sharedBytes(70_000, 1));
        await stage(disk, 1, sharedBytes(3, 2));
        const { committed, uncommitted } = await container.listBlocks(disk, live());
        expect(committed).toBeUndefined();
        expect(uncommitted).toHaveLength(2);
        expect(uncommitted).toContainEqual({ id: blockId(0), lengthBytes: 70_000 });
        expect(uncommitted).toContainEqual({ id: blockId(1), lengthBytes: 3 });
        await refused(container.properties(disk, live()), 'blob-not-found');
        await refused(readAll(container, disk), 'blob-not-found');
      });

      it('commits blocks into exactly their bytes and lists them in order', async () => {
        const bodies = [sharedBytes(100_000, 1), sharedBytes(100_000, 2), sharedBytes(17, 3)];
        await store(disk, bodies);
        expect((await readAll(container, disk)).equals(Buffer.concat(bodies))).toBe(true);
        const { committed, uncommitted } = await container.listBlocks(disk, live());
        expect(uncommitted).toEqual([]);
        expect(committed).toEqual(
          bodies.map((body, index) => ({ id: blockId(index), lengthBytes: body.length })),
        );
      });

      it('makes a blob without Content-MD5 when nobody computed one', async () => {
        const body = sharedBytes(10, 1);
        await stage(disk, 0, body);
        await container.commit({ name: disk, blocks: [blockId(0)], metadata: {} }, live());
        expect((await container.properties(disk, live())).md5).toBeUndefined();
        expect((await readAll(container, disk)).equals(body)).toBe(true);
      });

      it('puts blocks in the order of the commit, not of the staging', async () => {
        const bodies = [sharedBytes(10, 1), sharedBytes(20, 2), sharedBytes(30, 3)];
        for (const index of [2, 0, 1]) await stage(disk, index, bodies[index] ?? Buffer.alloc(0));
        const order = [1, 2, 0];
        const whole = Buffer.concat(order.map((index) => bodies[index] ?? Buffer.alloc(0)));
        const blocks = order.map(blockId);
        await container.commit({ name: disk, blocks, md5: md5Of(whole), metadata: {} }, live());
        expect((await readAll(container, disk)).equals(whole)).toBe(true);
        const { committed } = await container.listBlocks(disk, live());
        expect(committed?.map((block) => block.id)).toEqual(blocks);
      });

      it('keeps length, digest and metadata', async () => {
        const body = sharedBytes(12_345, 9);
        await stage(disk, 0, body);
        const metadata = { JobName: 'Contoso 7', drive_1: '~!?#%&="' };
        await container.commit({ ...commitOf(disk, [body]), metadata }, live());
        expect(await container.properties(disk, live())).toMatchObject({
          lengthBytes: 12_345,
          md5: md5Of(body),
          contentType: 'application/octet-stream',
          metadata: { jobname: 'Contoso 7', drive_1: '~!?#%&="' },
        });
      });

      it('makes a blob of no bytes', async () => {
        await container.commit(commitOf(disk, []), live());
        expect(await container.properties(disk, live())).toMatchObject({
          lengthBytes: 0,
          md5: 'd41d8cd98f00b204e9800998ecf8427e',
          contentType: 'application/octet-stream',
          metadata: {},
        });
        expect(await container.listBlocks(disk, live())).toEqual({
          committed: [],
          uncommitted: [],
        });
        expect(await readAll(container, disk)).toHaveLength(0);
      });

      it('takes the last body of a block that is staged again', async () => {
        await stage(disk, 0, sharedBytes(500, 1));
        const body = sharedBytes(400, 2);
        await stage(disk, 0, body);
        expect((await container.listBlocks(disk, live())).uncommitted).toEqual([
          { id: blockId(0), lengthBytes: 400 },
        ]);
        await container.commit(commitOf(disk, [body]), live());
        expect((await readAll(container, disk)).equals(body)).toBe(true);
      });

      it('leaves out staged blocks that the commit does not name', async () => {
        const body = sharedBytes(500, 1);
        await stage(disk, 0, body);
        await stage(disk, 1, sharedBytes(500, 2));
        await container.commit(commitOf(disk, [body]), live());
        expect((await readAll(container, disk)).equals(body)).toBe(true);
        expect((await container.listBlocks(disk, live())).uncommitted).toEqual([]);
      });

      it('takes blocks of a committed blob without changing it', async () => {
        const body = sharedBytes(500, 1);
        await store(disk, [body]);
        await stage(disk, 7, sharedBytes(9, 2));
        const { committed, uncommitted } = await container.listBlocks(disk, live());
        expect(committed).toEqual([{ id: blockId(0), lengthBytes: 500 }]);
        expect(uncommitted).toEqual([{ id: blockId(7), lengthBytes: 9 }]);
        expect((await readAll(container, disk)).equals(body)).toBe(true);
      });

      it('stages many blocks at once', async () => {
        const bodies = Array.from({ length: 24 }, (_, index) => sharedBytes(20_000, index));
        await Promise.all(bodies.map((body, index) => stage(disk, index, body)));
        await container.commit(commitOf(disk, bodies), live());
        expect((await readAll(container, disk)).equals(Buffer.concat(bodies))).toBe(true);
      });
    });

    describe('writing text', () => {
      const options = { contentType: 'application/xml', blockBytes: 1000 };
      async function* pieces(...parts: string[]) {
        yield* parts;
      }

      it('makes one blob of all pieces, of the type that was given', async () => {
        const parts = ['<a>', 'ä€🙂'.repeat(700), '', 'x'.repeat(5000), '</a>'];
        await writeText(container, { name: disk, text: pieces(...parts), ...options }, live());
        const whole = Buffer.from(parts.join(''));
        expect((await readAll(container, disk)).equals(whole)).toBe(true);
        expect(await container.properties(disk, live())).toMatchObject({
          lengthBytes: whole.length,
          md5: md5Of(whole),
          contentType: 'application/xml',
          metadata: {},
        });
        const { committed } = await container.listBlocks(disk, live());
        expect(committed).toHaveLength(Math.ceil(whole.length / 1000));
        expect(Math.max(...(committed ?? []).map((block) => block.lengthBytes))).toBe(1000);
      });

      it('makes a blob of no text', async () => {
        await writeText(container, { name: disk, text: pieces(), ...options }, live());
        expect((await container.properties(disk, live())).lengthBytes).toBe(0);
      });

      it('takes no more text than it can stage', async () => {
        let taken = 0;
        async function* text() {
          for (let piece = 0; piece < 100; piece++) {
            taken++;
            yield 'x'.repeat(500);
            const { uncommitted } = await container.listBlocks(disk, live());
            expect(taken - 2 * uncommitted.length).toBeLessThanOrEqual(2);
          }
        }
        await writeText(container, { name: disk, text: text(), ...options }, live());
        expect((await container.properties(disk, live())).lengthBytes).toBe(50_000);
      });

      it('leaves no blob when the text breaks off, and can begin again', async () => {
        async function* broken() {
          yield 'x'.repeat(1500);
          throw new RangeError('no more');
        }
        const writing = writeText(container, { name: disk, text: broken(), ...options }, live());
        await expect(writing).rejects.toThrow('no more');
        await refused(container.properties(disk, live()), 'blob-not-found');
        await writeText(container, { name: disk, text: pieces('again'), ...options }, live());
        expect((await readAll(container, disk)).toString()).toBe('again');
      });

      it('never replaces a blob', async () => {
        await store(disk, [sharedBytes(5, 1)]);
        const writing = writeText(
          container,
          { name: disk, text: pieces('new'), ...options },
          live(),
        );
        await refused(writing, 'destination-exists');
        expect((await container.properties(disk, live())).lengthBytes).toBe(5);
      });

      it('takes nothing when cancelled before it began', async () => {
        const text = pieces('x');
        const cancelled = AbortSignal.abort();
        await refused(
          writeText(container, { name: disk, text, ...options }, cancelled),
          'cancelled',
        );
        expect((await text.next()).value).toBe('x');
        expect((await container.listBlocks(disk, live())).uncommitted).toEqual([]);
      });

      it.each(['', ' a/b', 'größe', 'a/b\r\nx-ms-meta-a: b'])(
        'refuses the content type %j',
        async (contentType) => {
          const text = pieces('x');
          const written = { name: disk, text, ...options, contentType };
          await refused(writeText(container, written, live()), 'storage-rejected');
          await refused(container.properties(disk, live()), 'blob-not-found');
        },
      );
    });

    describe('names', () => {
      const hostile = [
        'with space/ and more',
        'ünï/сода/消す/🙂',
        'question?mark=1&x#hash',
        '100%/%2e%2e/%00',
        'quote\'"<>|*:back',
        'dots..inside/.hidden/tail.img',
        'double//slash',
        `${'long-'.repeat(200)}end`,
        safeSegment('../../etc/passwd'),
      ];
      it.each(hostile)('keeps apart and finds again %j', async (text) => {
        const odd = blobName(text);
        const body = sharedBytes(64, text.length);
        await store(odd, [body]);
        await store(blobName('neighbour'), [sharedBytes(64, 0)]);
        expect((await readAll(container, odd)).equals(body)).toBe(true);
        expect((await container.properties(odd, live())).md5).toBe(md5Of(body));
        expect(URL.canParse(container.urlOf(odd))).toBe(true);
      });

      it('tells long names apart by their ends', async () => {
        const long = 'x'.repeat(1000);
        const [one, two] = [blobName(`${long}/1`), blobName(`${long}/2`)];
        await store(one, [sharedBytes(10, 1)]);
        await store(two, [sharedBytes(10, 2)]);
        expect((await readAll(container, one)).equals(sharedBytes(10, 1))).toBe(true);
      });

      it('lets a name and a name below it exist side by side', async () => {
        await store(blobName('a'), [sharedBytes(10, 1)]);
        await store(blobName('a/b'), [sharedBytes(10, 2)]);
        expect((await readAll(container, blobName('a'))).equals(sharedBytes(10, 1))).toBe(true);
      });

      it.each(['', '..', '../other/x', 'a/./b', 'a/../../b', '/a', 'a\\b', 'a\u0000b', 'a\ud800b'])(
        'refuses %j, which would arrive as another name',
        async (text) => {
          const bad = blobName(text);
          await refused(stage(bad, 0, sharedBytes(5, 1)), 'storage-rejected');
          await refused(container.commit(commitOf(bad, []), live()), 'storage-rejected');
          await refused(container.listBlocks(bad, live()), 'storage-rejected');
          await refused(container.properties(bad, live()), 'storage-rejected');
          await refused(readAll(container, bad), 'storage-rejected');
        },
      );
    });

    describe('refusals leave nothing', () => {
      const nothing = { committed: undefined, uncommitted: [] };

      it('knows nothing of a blob that was never there', async () => {
        expect(await container.listBlocks(disk, live())).toEqual(nothing);
        await refused(container.properties(disk, live()), 'blob-not-found');
        await refused(readAll(container, disk), 'blob-not-found');
      });

      it('refuses a block that does not have its checksum', async () => {
        const body = sharedBytes(50_000, 1);
        const wrong = { ...stageOf(disk, 0, body), md5: md5Of(Buffer.from('other')) };
        await refused(container.stageBlock(wrong, live()), 'checksum-mismatch');
        expect(await container.listBlocks(disk, live())).toEqual(nothing);
      });

      it('refuses a block of which only a part arrives', async () => {
        const body = sharedBytes(50_000, 1);
        const short = { ...stageOf(disk, 0, body), body: body.subarray(0, 49_999) };
        await refused(container.stageBlock(short, live()), 'checksum-mismatch');
        expect(await container.listBlocks(disk, live())).toEqual(nothing);
      });

      it('keeps the block that was there when its replacement is damaged', async () => {
        const body = sharedBytes(1000, 1);
        await stage(disk, 0, body);
        const wrong = { ...stageOf(disk, 0, sharedBytes(1000, 2)), md5: md5Of(body) };
        await refused(container.stageBlock(wrong, live()), 'checksum-mismatch');
        await container.commit(commitOf(disk, [body]), live());
        expect((await readAll(container, disk)).equals(body)).toBe(true);
      });

      it('refuses a block of no bytes', async () => {
        await refused(stage(disk, 0, Buffer.alloc(0)), 'storage-rejected');
        expect(await container.listBlocks(disk, live())).toEqual(nothing);
      });

      it('refuses a block id that is too long', async () => {
        const id = Buffer.alloc(65).toString('base64');
        const block = { ...stageOf(disk, 0, sharedBytes(5, 1)), id };
        await refused(container.stageBlock(block, live()), 'storage-rejected');
        expect(await container.listBlocks(disk, live())).toEqual(nothing);
      });

      it('refuses to commit a block that was never staged', async () => {
        const body = sharedBytes(1000, 1);
        await stage(disk, 0, body);
        await refused(
          container.commit(commitOf(disk, [body, sharedBytes(5, 2)]), live()),
          'storage-rejected',
        );
        await refused(container.properties(disk, live()), 'blob-not-found');
        expect(await container.listBlocks(disk, live())).toEqual({
          committed: undefined,
          uncommitted: [{ id: blockId(0), lengthBytes: 1000 }],
        });
      });

      it('never replaces a committed blob', async () => {
        const old = sharedBytes(1000, 1);
        await store(disk, [old]);
        const body = sharedBytes(2000, 2);
        await stage(disk, 0, body);
        await refused(container.commit(commitOf(disk, [body]), live()), 'destination-exists');
        expect((await readAll(container, disk)).equals(old)).toBe(true);
        expect((await container.properties(disk, live())).md5).toBe(md5Of(old));
      });

      it('never replaces a committed blob of no bytes', async () => {
        await container.commit(commitOf(disk, []), live());
        await refused(container.commit(commitOf(disk, []), live()), 'destination-exists');
      });

      it('lets exactly one of two commits at once win', async () => {
        const body = sharedBytes(100_000, 1);
        await stage(disk, 0, body);
        const commits = [1, 2].map(() => container.commit(commitOf(disk, [body]), live()));
        const ends = await Promise.allSettled(commits);
        const lost = ends.filter((end) => end.status === 'rejected');
        expect(lost.map((end) => end.reason)).toMatchObject([{ code: 'destination-exists' }]);
        expect((await readAll(container, disk)).equals(body)).toBe(true);
      });

      it.each([
        { name: 'no identifier', metadata: { 'a-b': 'x' } },
        { name: 'twice but for case', metadata: { Ab: 'x', aB: 'y' } },
        { name: 'not ASCII', metadata: { a: 'größe' } },
        { name: 'a header of its own', metadata: { a: 'x\r\nx-ms-blob-type: PageBlob' } },
        { name: 'empty', metadata: { a: '' } },
        { name: 'too large', metadata: { a: 'x'.repeat(8192) } },
      ])('refuses metadata that is $name', async ({ metadata }) => {
        const blob = { ...commitOf(disk, []), metadata };
        await refused(container.commit(blob, live()), 'storage-rejected');
        await refused(container.properties(disk, live()), 'blob-not-found');
      });
    });

    describe('cancelling', () => {
      const nothing = { committed: undefined, uncommitted: [] };

      it('does nothing when cancelled before it began', async () => {
        const body = sharedBytes(1000, 1);
        const signal = AbortSignal.abort();
        await refused(container.ensure(signal), 'cancelled');
        await refused(container.stageBlock(stageOf(disk, 0, body), signal), 'cancelled');
        await refused(container.listBlocks(disk, signal), 'cancelled');
        await refused(container.properties(disk, signal), 'cancelled');
        await refused(container.commit(commitOf(disk, []), signal), 'cancelled');
        await refused(collect(container.read(disk, signal)), 'cancelled');
        expect(await container.listBlocks(disk, live())).toEqual(nothing);
        await refused(container.properties(disk, live()), 'blob-not-found');
      });

      it('settles a staging cancelled in the middle, whole or not at all', async () => {
        const body = sharedBytes(16 * 1024 * 1024, 1);
        const block = stageOf(disk, 0, body);
        for (const afterMs of [0, 1, 4, 12]) {
          const controller = new AbortController();
          const staging = container.stageBlock(block, controller.signal);
          setTimeout(() => controller.abort(), afterMs);
          const [end] = await Promise.allSettled([staging]);
          if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'cancelled' });
        }
        const { uncommitted } = await container.listBlocks(disk, live());
        for (const held of uncommitted) {
          expect(held).toEqual({ id: blockId(0), lengthBytes: body.length });
        }
        await stage(disk, 0, body);
        await container.commit(commitOf(disk, [body]), live());
        expect((await container.properties(disk, live())).lengthBytes).toBe(body.length);
      });

      it('ends a read that is cancelled in the middle', async () => {
        const body = sharedBytes(8 * 1024 * 1024, 1);
        await store(disk, [body]);
        const controller = new AbortController();
        const pieces = container.read(disk, controller.signal)[Symbol.asyncIterator]();
        expect((await pieces.next()).done).toBe(false);
        controller.abort();
        await refused(collect({ [Symbol.asyncIterator]: () => pieces }), 'cancelled');
      });

      it('lets a reader leave in the middle', async () => {
        const body = sharedBytes(8 * 1024 * 1024, 1);
        await store(disk, [body]);
        for await (const piece of container.read(disk, live())) {
          expect(piece.length).toBeGreaterThan(0);
          break;
        }
        expect((await container.properties(disk, live())).lengthBytes).toBe(body.length);
      });
    });
  });
}
