import { randomUUID } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clearName } from '../../src/blobs/clear-name.ts';
import { allBlobs, allPageRanges } from '../../src/blobs/listing.ts';
import { openContainer } from '../../src/blobs/open.ts';
import { withRetry } from '../../src/blobs/retry.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { blobName, md5Of, readAll, sharedBytes, stageOf } from './blobs.ts';
import { pagesOf, putOf } from './file-blobs.ts';
import { lineTo, serve, type Trouble } from './lines.ts';

const live = () => new AbortController().signal;
const file = blobName('report.pdf');
const QUICK = { pieceTimeoutMs: 10_000, awayAfterMs: 10_000, firstDelayMs: 5, maxDelayMs: 20 };
const nobody = { onAway: () => undefined, onBack: () => undefined };
const empty = { name: file, blocks: [], md5: md5Of(Buffer.alloc(0)), metadata: {} };

let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite?.stop());

async function containerNamed(name: string) {
  const { connectionString } = azurite;
  const container = await openContainer({ kind: 'connection-string', connectionString }, name);
  await container.ensure(live());
  return container;
}

async function freshContainer() {
  const name = `test-${randomUUID()}`;
  const client = BlobServiceClient.fromConnectionString(azurite.connectionString);
  return { container: await containerNamed(name), client: client.getContainerClient(name) };
}

describe('a blob with somebody else’s lease', () => {
  it('is told from every other refusal, and left as it is', async () => {
    const { container, client } = await freshContainer();
    const { etag } = await container.put(putOf(file, sharedBytes(5, 1)), live());
    await client.getBlobClient(file).getBlobLeaseClient().acquireLease(60);
    const replace = { condition: 'replace' } as const;
    for (const write of [
      () => container.put({ ...putOf(file, sharedBytes(6, 1)), ...replace }, live()),
      () =>
        container.createPages({ name: file, lengthBytes: 512, metadata: {}, ...replace }, live()),
      () => container.stageBlock(stageOf(file, 0, sharedBytes(5, 1)), live()),
      () => container.commit({ ...empty, ...replace }, live()),
      () => container.remove({ name: file, etag }, live()),
      () => clearName(container, { name: file, ...replace }, live()),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'blob-leased', payload: { blob: file } });
    }
    expect((await container.properties(file, live())).etag).toBe(etag);
  });

  it('lets nobody write its pages', async () => {
    const { container, client } = await freshContainer();
    await container.createPages({ name: file, lengthBytes: 512, metadata: {} }, live());
    await client.getBlobClient(file).getBlobLeaseClient().acquireLease(60);
    const pages = pagesOf(file, 0, sharedBytes(512, 1));
    await expect(container.writePages(pages, live())).rejects.toMatchObject({
      code: 'blob-leased',
    });
  });
});

describe('staged blocks with ids of another length', () => {
  it('are in the way of ours until the name is cleared', async () => {
    const { container } = await freshContainer();
    const body = sharedBytes(100, 1);
    const block = stageOf(file, 0, body);
    await container.stageBlock({ ...block, id: 'AAAAAA==' }, live());
    await expect(container.stageBlock(block, live())).rejects.toMatchObject({
      code: 'blocks-in-the-way',
    });
    await clearName(container, { name: file, condition: 'must-not-exist' }, live());
    await container.stageBlock(block, live());
    await container.commit({ ...empty, blocks: [block.id], md5: block.md5 }, live());
    expect((await readAll(container, file)).equals(body)).toBe(true);
  });
});

describe('an append blob', () => {
  it('is told by its type, and replaced only when that is asked for', async () => {
    const { container, client } = await freshContainer();
    await client.getAppendBlobClient(file).create();
    expect((await container.properties(file, live())).type).toBe('append');
    await expect(container.listBlocks(file, live())).rejects.toMatchObject({
      code: 'blob-of-other-type',
    });
    const put = putOf(file, sharedBytes(5, 1));
    await expect(container.put(put, live())).rejects.toMatchObject({ code: 'destination-exists' });
    await container.put({ ...put, condition: 'replace' }, live());
    expect((await container.properties(file, live())).type).toBe('block');
  });
});

describe('containers with a $', () => {
  it('has blobs without folders in the root container', async () => {
    const container = await containerNamed('$root');
    const logo = blobName(`logo-${randomUUID()}.bmp`);
    const body = sharedBytes(10, 1);
    await container.put(putOf(logo, body), live());
    expect((await readAll(container, logo)).equals(body)).toBe(true);
    const listed = await Array.fromAsync(allBlobs(container, { prefix: logo }, live()));
    expect(listed.map((blob) => blob.name)).toEqual([logo]);
    const inFolder = blobName('folder/logo.bmp');
    await expect(container.put(putOf(inFolder, body), live())).rejects.toMatchObject({
      code: 'storage-rejected',
      message: expect.stringContaining('no slash'),
    });
  });

  it('refuses those that only the service writes', async () => {
    const account = { kind: 'directory', directory: '/tmp' } as const;
    for (const name of ['$logs', '$blobchangefeed', '$']) {
      await expect(openContainer(account, name)).rejects.toMatchObject({
        code: 'storage-rejected',
        message: expect.stringContaining('$root or $web'),
      });
    }
    await openContainer(account, '$web');
  });
});

describe('a service that does not change the type of a blob', () => {
  it('has the old blob removed in the state in which it was met, and then the new one put', async () => {
    const asked: string[] = [];
    await using store = await serve((request, response) => {
      const { method, headers } = request;
      asked.push(`${method} ${headers['x-ms-blob-type'] ?? headers['if-match'] ?? ''}`.trim());
      const isFirst = asked.length === 1;
      request.resume().on('end', () => {
        const refusal = { 'x-ms-error-code': 'InvalidBlobType' };
        const stamp = { etag: '"0x1"', 'last-modified': 'Mon, 23 Nov 2026 04:19:24 GMT' };
        if (isFirst) response.writeHead(409, refusal).end();
        else if (method === 'HEAD')
          response.writeHead(200, { ...stamp, 'content-length': 5 }).end();
        else response.writeHead(method === 'PUT' ? 201 : 202, stamp).end();
      });
    });
    const container = await sasContainer(store.port);
    const written = await container.put(
      { ...putOf(file, sharedBytes(5, 1)), condition: 'replace' },
      live(),
    );
    expect(asked).toEqual(['PUT BlockBlob', 'HEAD', 'DELETE "0x1"', 'PUT BlockBlob']);
    expect(written.etag).toBe('"0x1"');
  });
});

describe('a long answer', () => {
  it('is asked for part by part, of blobs', async () => {
    const asked: (string | null)[] = [];
    await using store = await serve((request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://store');
      asked.push(searchParams.get('marker'));
      expect(searchParams.get('maxresults')).toBe('5000');
      response.writeHead(200, { 'content-type': 'application/xml' }).end(blobsXml(asked.length, 3));
    });
    const container = await sasContainer(store.port);
    const blobs = await Array.fromAsync(allBlobs(container, { prefix: '' }, live()));
    expect(asked).toEqual([null, 'part-1', 'part-2']);
    expect(blobs).toMatchObject([
      { name: 'blob 1', lengthBytes: 1, etag: '"0x1"', md5: undefined, type: 'page' },
      { name: 'blob 2' },
      { name: 'blob 3' },
    ]);
  });

  it('is asked for part by part, of page ranges, and neighbours are joined', async () => {
    const asked: (string | null)[] = [];
    await using store = await serve((request, response) => {
      asked.push(new URL(request.url ?? '', 'http://store').searchParams.get('marker'));
      const start = (asked.length - 1) * 512;
      const marker = asked.length < 3 ? `<NextMarker>part-${asked.length}</NextMarker>` : '';
      const range = `<PageRange><Start>${start}</Start><End>${start + 511}</End></PageRange>`;
      const headers = { 'content-type': 'application/xml', etag: '"0x1"' };
      response.writeHead(200, headers).end(`<PageList>${range}${marker}</PageList>`);
    });
    const container = await sasContainer(store.port);
    const ranges = await Array.fromAsync(allPageRanges(container, file, live()));
    expect(asked).toEqual([null, 'part-1', 'part-2']);
    expect(ranges).toEqual([{ offsetBytes: 0, lengthBytes: 1536 }]);
  });
});

describe('a lost answer', () => {
  /** A patient container on a line of the test, and the same one directly. */
  async function bothWays(trouble: () => Trouble) {
    const line = await lineTo(azurite.port, trouble);
    const name = `test-${randomUUID()}`;
    const direct = await containerNamed(name);
    const connectionString = azurite.connectionString.replace(`:${azurite.port}`, `:${line.port}`);
    const bad = await openContainer({ kind: 'connection-string', connectionString }, name);
    const end = () => line[Symbol.asyncDispose]();
    return { direct, patient: withRetry(bad, QUICK, nobody), [Symbol.asyncDispose]: end };
  }
  const loseFirst = () => {
    let connections = 0;
    return () => ({ losesAnswers: ++connections === 1 });
  };

  it('of a put does not make a stranger of our own blob', async () => {
    await using ways = await bothWays(loseFirst());
    const blob = { ...putOf(file, sharedBytes(1000, 1)), metadata: { Place: 'Uyuni' } };
    const written = await ways.patient.put(blob, live());
    expect(await ways.direct.properties(file, live())).toMatchObject({ etag: written.etag });
    await expect(ways.patient.put(blob, live())).rejects.toMatchObject({
      code: 'destination-exists',
    });
  });

  it('of a new page blob neither', async () => {
    await using ways = await bothWays(loseFirst());
    const blob = { name: file, lengthBytes: 1024, metadata: {} };
    const { etag } = await ways.patient.createPages(blob, live());
    expect((await ways.direct.properties(file, live())).etag).toBe(etag);
  });

  it('of a removal is none, once the blob is gone', async () => {
    await using ways = await bothWays(loseFirst());
    const { etag } = await ways.direct.put(putOf(file, sharedBytes(5, 1)), live());
    await ways.patient.remove({ name: file, etag }, live());
    await expect(ways.patient.remove({ name: file, etag }, live())).rejects.toMatchObject({
      code: 'blob-not-found',
    });
  });

  it('does not make ours what differs in anything', async () => {
    await using ways = await bothWays(loseFirst());
    const theirs = { ...putOf(file, sharedBytes(1000, 1)), metadata: { place: 'La Paz' } };
    await ways.direct.put(theirs, live());
    const ours = { ...theirs, metadata: { place: 'Uyuni' } };
    await expect(ways.patient.put(ours, live())).rejects.toMatchObject({
      code: 'destination-exists',
    });
  });
});

function sasContainer(port: number) {
  const blobEndpoint = `http://127.0.0.1:${port}/a`;
  return openContainer({ kind: 'sas', blobEndpoint, sasToken: 'sig=c2VjcmV0' }, 'images');
}

function blobsXml(part: number, parts: number): string {
  const properties = `<Last-Modified>Mon, 23 Nov 2026 04:19:24 GMT</Last-Modified><Etag>0x${part}</Etag>
    <Content-Length>${part}</Content-Length><Content-MD5 /><BlobType>PageBlob</BlobType>`;
  const blob = `<Blob><Name>blob ${part}</Name><Properties>${properties}</Properties></Blob>`;
  const next = part < parts ? `part-${part}` : '';
  return `<?xml version="1.0"?><EnumerationResults ServiceEndpoint="http://store/" ContainerName="c">
    <Blobs>${blob}</Blobs><NextMarker>${next}</NextMarker></EnumerationResults>`;
}
