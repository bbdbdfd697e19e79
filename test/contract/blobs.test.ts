import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobContainer, StorageAccount } from '../../src/blobs/contract.ts';
import { withLimit } from '../../src/blobs/limit.ts';
import { openContainer } from '../../src/blobs/open.ts';
import { withRetry } from '../../src/blobs/retry.ts';
import type { StorageCredential } from '../../src/domain/job-storage.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { accountSas, containerUrl } from '../support/credentials.ts';
import { blobContainerContract, blobName, md5Of, readAll, sharedBytes, stageOf } from './blobs.ts';
import { fileBlobContract } from './file-blobs.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite?.stop());

const live = () => new AbortController().signal;
const freshName = () => `test-${randomUUID()}`;
const byKey = (): StorageAccount => ({
  kind: 'connection-string',
  connectionString: azurite.connectionString,
});

function decorated(container: BlobContainer): BlobContainer {
  const nobody = { onAway: () => undefined, onBack: () => undefined };
  const options = { pieceTimeoutMs: 30_000, awayAfterMs: 2_000, firstDelayMs: 1 };
  return withLimit(withRetry(container, options, nobody), 4);
}

async function inAzurite(wrap: (container: BlobContainer) => BlobContainer) {
  const container = wrap(await openContainer(byKey(), freshName()));
  return { container, [Symbol.asyncDispose]: async () => undefined };
}

async function inDirectory(wrap: (container: BlobContainer) => BlobContainer) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'drive-station-blobs-'));
  const container = wrap(await openContainer({ kind: 'directory', directory }, 'images'));
  const dispose = () => rm(directory, { recursive: true, force: true });
  return { container, [Symbol.asyncDispose]: dispose };
}

for (const [title, make] of [
  ['Azure Blob Storage (Azurite)', () => inAzurite((bare) => bare)],
  ['Azure Blob Storage, patient and bounded', () => inAzurite(decorated)],
  ['a directory', () => inDirectory((bare) => bare)],
  ['a directory, patient and bounded', () => inDirectory(decorated)],
] as const) {
  blobContainerContract(title, make);
  fileBlobContract(title, make);
}

describe('a container opened with a shared access signature', () => {
  const disk = blobName('disk.img');

  function sasFor(container: string, permissions: string): StorageAccount {
    const credential = new StorageSharedKeyCredential(azurite.accountName, azurite.accountKey);
    const query = generateBlobSASQueryParameters(
      {
        containerName: container,
        permissions: ContainerSASPermissions.parse(permissions),
        protocol: SASProtocol.HttpsAndHttp,
        expiresOn: new Date(Date.now() + 600_000),
      },
      credential,
    );
    const sasToken = `?${query}`;
    return { kind: 'sas', blobEndpoint: `${azurite.blobEndpoint}/`, sasToken };
  }

  it('works inside its container although it may not create one', async () => {
    const name = freshName();
    await (await openContainer(byKey(), name)).ensure(live());
    const container = await openContainer(sasFor(name, 'racwl'), name);
    await container.ensure(live());
    const body = sharedBytes(5000, 1);
    const block = stageOf(disk, 0, body);
    await container.stageBlock(block, live());
    const commit = { name: disk, blocks: [block.id], md5: block.md5, metadata: {} };
    await container.commit(commit, live());
    expect((await readAll(container, disk)).equals(body)).toBe(true);
    expect(md5Of(body)).toBe((await container.properties(disk, live())).md5);
  });

  it('is told by no URL and no error', async () => {
    const name = freshName();
    await (await openContainer(byKey(), name)).ensure(live());
    const account = sasFor(name, 'r');
    const container = await openContainer(account, name);
    expect(container.urlOf(disk)).toBe(`${azurite.blobEndpoint}/${name}/disk.img`);
    const failure = await container
      .stageBlock(stageOf(disk, 0, sharedBytes(5, 1)), live())
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'storage-denied', payload: { status: 403 } });
    const everything = inspectDeep(failure);
    const signature = /sig=([^&]+)/u.exec(account.kind === 'sas' ? account.sasToken : '')?.[1];
    expect(signature).toBeDefined();
    expect(everything).not.toContain(signature);
    expect(everything).not.toContain('sig=');
  });

  it('says that it is denied in a container that it is not for', async () => {
    const container = await openContainer(sasFor(freshName(), 'racwl'), freshName());
    await expect(container.ensure(live())).rejects.toMatchObject({ code: 'storage-denied' });
  });
});

describe('a container opened with a key', () => {
  it('says that a wrong key is denied and keeps it to itself', async () => {
    const wrongKey = Buffer.from('not the key at all').toString('base64');
    const connectionString = azurite.connectionString.replace(azurite.accountKey, wrongKey);
    const container = await openContainer(
      { kind: 'connection-string', connectionString },
      freshName(),
    );
    const failure = await container.ensure(live()).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'storage-denied', payload: { status: 403 } });
    expect(inspectDeep(failure)).not.toContain(wrongKey);
    expect(inspectDeep(failure)).not.toMatch(/SharedKey\s+\w/u);
  });

  it('refuses a connection string that is none without repeating it', async () => {
    const connectionString = 'AccountKey=c2VjcmV0;Nonsense';
    const opening = openContainer({ kind: 'connection-string', connectionString }, freshName());
    const failure = await opening.catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'storage-unusable' });
    expect(inspectDeep(failure)).not.toContain('c2VjcmV0');
  });

  it.each(['', 'ab', 'Upper', '-a-b', 'a--b', '../etc', 'a'.repeat(64)])(
    'refuses the container name %j before anything is sent',
    async (name) => {
      await expect(openContainer(byKey(), name)).rejects.toMatchObject({
        code: 'storage-rejected',
      });
    },
  );

  it('says that a container is missing rather than that a blob is', async () => {
    const container = await openContainer(byKey(), freshName());
    await expect(container.listBlocks(blobName('x'), live())).rejects.toMatchObject({
      code: 'container-missing',
    });
  });
});

describe('a container opened with what a job brings', () => {
  it.each(['account-key', 'sas', 'container-sas'] as const)(
    'takes and gives blobs: %s',
    async (kind) => {
      const name = freshName();
      await (await openContainer(byKey(), name)).ensure(live());
      const container = await openContainer(ownAccount(kind, name), name);
      await container.ensure(live());
      const block = stageOf(blobName('disk.img'), 0, sharedBytes(5000, 1));
      await container.stageBlock(block, live());
      const { id, md5 } = block;
      await container.commit({ name: block.name, blocks: [id], md5, metadata: {} }, live());
      expect((await container.properties(block.name, live())).lengthBytes).toBe(5000);
      expect(container.urlOf(block.name)).toBe(`${azurite.blobEndpoint}/${name}/disk.img`);
    },
  );

  it('is never another one than that of its SAS', async () => {
    const opening = openContainer(ownAccount('container-sas', 'mine'), 'other');
    await expect(opening).rejects.toMatchObject({
      code: 'storage-rejected',
      message: expect.stringContaining('for the container mine alone'),
    });
  });

  function ownAccount(kind: StorageCredential['kind'], container: string): StorageCredential {
    const { blobEndpoint, accountName, accountKey } = azurite;
    switch (kind) {
      case 'account-key':
        return { kind, blobEndpoint, accountName, accountKey };
      case 'sas':
        return { kind, blobEndpoint, sasToken: accountSas(azurite) };
      case 'container-sas': {
        const sasToken = new URL(containerUrl(azurite, container)).search;
        return { kind, blobEndpoint, container, sasToken };
      }
    }
  }
});

describe('a container opened with the default credential', () => {
  it('locates blobs without asking for a token', async () => {
    const account = {
      kind: 'default-credential',
      blobEndpoint: 'https://contoso.blob.core.windows.net',
    } as const;
    const container = await openContainer(account, 'images');
    expect(container.urlOf(blobName('a b.img'))).toBe(
      'https://contoso.blob.core.windows.net/images/a%20b.img',
    );
  });
});

/** Everything that a logger could get hold of, causes and hidden properties included. */
function inspectDeep(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value !== 'object' || value === null || seen.has(value)) return String(value);
  seen.add(value);
  return Object.getOwnPropertyNames(value)
    .map((key) => `${key}: ${inspectDeep(Reflect.get(value, key), seen)}`)
    .join('\n');
}
