import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/**
 * A blob endpoint that throws every body away and remembers only names, ids and lengths: what is left
 * of a measurement is the station. Runs as a process of its own and says its port on standard output.
 */

interface Blob {
  readonly staged: Map<string, number>;
  committed:
    | { readonly ids: readonly string[]; readonly md5: string; readonly lengthBytes: number }
    | undefined;
}

const blobs = new Map<string, Blob>();

function blobAt(path: string): Blob {
  const found = blobs.get(path) ?? { staged: new Map(), committed: undefined };
  blobs.set(path, found);
  return found;
}

/** What a client knows the service by: without them, it takes the answer for an outage and waits. */
const MARK = {
  'x-ms-request-id': '00000000-0000-0000-0000-000000000000',
  etag: '"0x8D0"',
  'last-modified': new Date().toUTCString(),
};

function answer(response: ServerResponse, status: number, headers: object = {}, body = ''): void {
  response.writeHead(status, { ...MARK, ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

async function lengthOf(request: IncomingMessage): Promise<number> {
  let length = 0;
  for await (const chunk of request) length += chunk.length;
  return length;
}

function blockListXml(blob: Blob): string {
  const xml = (entries: Iterable<readonly [string, number]>) =>
    [...entries]
      .map(([id, size]) => `<Block><Name>${id}</Name><Size>${size}</Size></Block>`)
      .join('');
  const committed = blob.committed?.ids.map((id) => [id, blob.staged.get(id) ?? 0] as const) ?? [];
  const waiting = blob.committed === undefined ? blob.staged : [];
  return `<?xml version="1.0"?><BlockList><CommittedBlocks>${xml(committed)}</CommittedBlocks><UncommittedBlocks>${xml(waiting)}</UncommittedBlocks></BlockList>`;
}

async function commit(request: IncomingMessage, blob: Blob): Promise<void> {
  const ids = [...(await textOf(request)).matchAll(/<Latest>([^<]+)<\/Latest>/gu)].map(
    (m) => m[1] ?? '',
  );
  const lengthBytes = ids.reduce((sum, id) => sum + (blob.staged.get(id) ?? 0), 0);
  blob.committed = { ids, lengthBytes, md5: String(request.headers['x-ms-blob-content-md5']) };
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://sink');
  const { searchParams: query } = url;
  const blob = blobAt(url.pathname);
  const component = query.get('comp');
  if (request.method === 'PUT' && component === 'block') {
    blob.staged.set(query.get('blockid') ?? '', await lengthOf(request));
    return answer(response, 201);
  }
  if (request.method === 'PUT' && component === 'blocklist') {
    await commit(request, blob);
    return answer(response, 201);
  }
  if (request.method === 'PUT') {
    const lengthBytes = await lengthOf(request);
    const md5 = String(request.headers['x-ms-blob-content-md5'] ?? '');
    if (query.get('restype') === null) blob.committed = { ids: [], md5, lengthBytes };
    return answer(response, 201);
  }
  if (component === 'blocklist') {
    if (blob.committed === undefined && blob.staged.size === 0) {
      return answer(response, 404, { 'x-ms-error-code': 'BlobNotFound' });
    }
    return answer(response, 200, { 'content-type': 'application/xml' }, blockListXml(blob));
  }
  response.writeHead(blob.committed === undefined ? 404 : 200, {
    ...MARK,
    'content-length': blob.committed?.lengthBytes ?? 0,
    'content-md5': blob.committed?.md5 ?? '',
    'x-ms-blob-type': 'BlockBlob',
  });
  response.end();
}

/** Milliseconds that each request waits, as on the way to a service and back. */
const delayMs = Number(process.argv[2] ?? 0);
const server = createServer((request, response) => {
  // A copy process that ends in the middle takes its request with it.
  setTimeout(() => void handle(request, response).catch(() => response.destroy()), delayMs);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`);
});
