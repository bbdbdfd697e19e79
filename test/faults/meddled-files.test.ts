import { randomUUID } from 'node:crypto';
import { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { describe, expect, it, vi } from 'vitest';
import { FILES_IN_FLIGHT } from '../../src/limits.ts';
import { bytesOf, type FileSpec } from '../support/file-drive.ts';
import { type Asked, type MetRequest, meddledDrive } from '../support/meddler.ts';

/** Copies of files on a store that loses what it had, and behind something that is none. */

const KIB = 1024;
const MIB = 1024 * KIB;
const { drive, meddler, connectionString } = meddledDrive();

/** A small file, one of several blocks and one of pages, in a container of their own. */
function filesIn(container: string, more: Partial<FileSpec> = {}): FileSpec[] {
  const pages = Array.from({ length: 4 }, (_, at) => [at * 128 * KIB, 128 * KIB] as const);
  return [
    { blob: `${container}/small.txt`, bytes: bytesOf('small', 3000), ...more },
    { blob: `${container}/large.bin`, bytes: bytesOf('large', 9 * MIB), ...more },
    { blob: `${container}/disk.vhd`, bytes: bytesOf('pages', 512 * KIB), pages, ...more },
  ];
}

const freshName = () => `test-${randomUUID()}`;
const clientOf = (container: string) => new ContainerClient(connectionString(), container);

async function allStored(files: readonly FileSpec[]): Promise<void> {
  await meddler().allArrived();
  for (const { blob, bytes } of files) {
    const stored = await drive().stored(blob);
    expect([blob, stored.equals(bytes)]).toEqual([blob, true]);
  }
}

/** Copies until the copy ends by itself, as the station does when a container was missing. */
async function copied() {
  try {
    return await drive().copy();
  } catch (error) {
    expect(error).toMatchObject({ code: 'container-missing' });
    return await drive().copy();
  }
}

describe('a container that is deleted in mid-copy', () => {
  it('gets the files anew also when the first ones of it have no blob', async () => {
    const container = freshName();
    const files = filesIn(container).slice(0, 2);
    const refused = Array.from({ length: FILES_IN_FLIGHT }, (_, nth) => ({
      ...{ blob: `${container}/theirs-${nth}`, bytes: bytesOf(`theirs ${nth}`, 10) },
      disposition: 'no-overwrite' as const,
    }));
    await drive().prepare([...refused, ...files]);
    for (const { blob } of refused) await drive().occupy(blob);
    let verifiedBytes = 0;
    drive().onMessage = (message) => {
      if (message.kind === 'progress') verifiedBytes = message.progress.verifiedBytes;
    };
    const smallIsDone = () => expect(verifiedBytes).toBe(files[0]?.bytes.length);
    let isDone = false;
    meddler().meddle = ({ asked, path }) => {
      if (isDone || asked !== 'blocklist' || !path.endsWith('large.bin')) return undefined;
      isDone = true;
      return {
        first: async () => {
          await vi.waitFor(smallIsDone, { timeout: 60_000 });
          await remake(clientOf(container));
        },
      };
    };
    expect((await copied()).verdict.files).toMatchObject({ withErrors: 0 });
    await allStored(files);
  });

  const remake = async (client: ContainerClient) => {
    await client.delete();
    await client.create();
  };

  it.each([
    ['is missing', (client: ContainerClient) => client.delete()],
    ['is there again at once', remake],
  ])('and %s gets all files anew, those that were done as well', async (_, happens) => {
    const container = freshName();
    const files = filesIn(container);
    await drive().prepare(files);
    let isDone = false;
    meddler().meddle = ({ asked, path }) => {
      if (isDone || asked !== 'blocklist' || !path.endsWith('large.bin')) return undefined;
      isDone = true;
      return { first: () => happens(clientOf(container)) };
    };
    expect((await copied()).verdict).toMatchObject({
      outcome: 'Completed',
      files: { completed: 3, renamed: 0 },
    });
    await allStored(files);
  });
});

describe('blocks that vanish before they are committed', () => {
  it('are sent again, and the file is not to blame', async () => {
    const container = freshName();
    const files = filesIn(container);
    await drive().prepare(files);
    let isDone = false;
    // What a week does: nothing that was staged is left.
    const forget = async () => {
      const large = clientOf(container).getBlockBlobClient('large.bin');
      await large.commitBlockList([]);
      await large.delete();
    };
    meddler().meddle = ({ asked, path }) => {
      if (isDone || asked !== 'blocklist' || !path.endsWith('large.bin')) return undefined;
      isDone = true;
      return { first: forget };
    };
    expect((await drive().copy()).verdict).toMatchObject({ outcome: 'Completed' });
    await allStored(files);
  });
});

describe('what answers in the place of the store', () => {
  const stamp = { etag: '"0x1"', 'last-modified': new Date().toUTCString() };
  const json = { 'content-type': 'application/json' };

  it.each<[Asked, number, Record<string, string>]>([
    ['block', 201, stamp],
    ['page', 201, stamp],
    ['put', 201, stamp],
    ['blocklist', 201, stamp],
    ['head', 404, json],
    ['head', 302, { location: '/login' }],
    ['list', 302, { location: '/login' }],
    ['list', 200, json],
    ['block', 400, json],
    ['page', 413, json],
    ['put', 412, json],
    ['blocklist', 403, json],
  ])('is not believed: %s %i', async (asked, answer, headers) => {
    const files = filesIn(freshName());
    await drive().prepare(files);
    // The first two heads are asked before anything is there.
    const from = asked === 'head' ? 3 : 1;
    const isMet = ({ asked: other, nth }: MetRequest) =>
      other === asked && nth >= from && nth < from + 2;
    meddler().meddle = (met) => (isMet(met) ? { answer, headers } : undefined);
    const { verdict } = await drive().copy();
    expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 3, renamed: 0 } });
    await allStored(files);
  });
});

describe('a request that comes late, when it was sent again long since', () => {
  it('changes nothing of a blob that was written over another one', async () => {
    const container = freshName();
    const files = filesIn(container, { disposition: 'overwrite' });
    await drive().prepare(files);
    for (const { blob } of files) await drive().occupy(blob);
    const seen = new Set<string>();
    meddler().meddle = ({ asked, path }) => {
      const what = `${asked} ${path}`;
      if (!['put', 'blocklist'].includes(asked) || seen.has(what)) return undefined;
      seen.add(what);
      return { lateMs: 300 };
    };
    const { verdict } = await drive().copy();
    expect(verdict.files).toMatchObject({ overwritten: 3, withErrors: 0 });
    await allStored(files);
  });
});

describe('a blob that is to be overwritten', () => {
  it('halts the copy when the credential may only create', async () => {
    const [small] = filesIn(freshName(), { disposition: 'overwrite' });
    if (small === undefined) throw new TypeError('there is a small file');
    await drive().prepare([small]);
    await drive().occupy(small.blob);
    const headers = { 'x-ms-error-code': 'UnauthorizedBlobOverwrite', 'x-ms-request-id': '1' };
    meddler().meddle = ({ asked, path, nth }) =>
      asked === 'put' && path.endsWith(small.blob) && nth < 30
        ? { answer: 403, headers }
        : undefined;
    await expect(drive().copy()).rejects.toMatchObject({ code: 'storage-denied' });
  });

  it('is left alone when somebody else changes it each time', async () => {
    const files = filesIn(freshName(), { disposition: 'overwrite' });
    await drive().prepare(files);
    for (const { blob } of files) await drive().occupy(blob);
    let changes = 0;
    meddler().meddle = ({ asked, path }) => {
      const met = files.find(({ blob }) => path.endsWith(blob));
      if (met === undefined || !['put', 'blocklist'].includes(asked) || changes >= 60) return;
      const [container = '', name = ''] = met.blob.split('/');
      const theirs = `somebody else’s ${++changes}`;
      const client = new BlockBlobClient(connectionString(), container, name);
      return { first: () => client.upload(theirs, Buffer.byteLength(theirs)) };
    };
    const { verdict } = await drive().copy();
    expect(changes).toBeLessThan(30);
    expect(verdict.files).toMatchObject({ withErrors: 3, overwritten: 0 });
    expect(verdict.reasons.map(({ words }) => words).join()).toContain(
      'was changed by somebody else each time',
    );
  });
});

describe('the logs of a copy', () => {
  const denied = {
    answer: 403,
    headers: { 'x-ms-error-code': 'AuthenticationFailed', 'x-ms-request-id': '1' },
  };
  const isLog = ({ path }: MetRequest) => path.includes('/waimportexport');

  it('are written once the credential is renewed that ended before them', async () => {
    const files = filesIn(freshName());
    await drive().prepare(files);
    let isOver = false;
    meddler().meddle = (met) => {
      isOver ||= isLog(met);
      return isOver ? denied : undefined;
    };
    await expect(drive().copy()).rejects.toMatchObject({ code: 'storage-denied' });
    meddler().meddle = () => undefined;
    const { verdict, logs } = await drive().copy();
    expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 3 } });
    expect(logs).toMatchObject({ errorLogUri: expect.any(String) });
    expect(logs.problem).toBeUndefined();
  });

  it('are not waited for where the store refuses them alone', async () => {
    await drive().prepare(filesIn(freshName()));
    meddler().meddle = (met) => (isLog(met) ? denied : undefined);
    const { verdict, logs } = await drive().copy();
    expect(verdict.outcome).toBe('Completed');
    expect(logs).toEqual({ problem: expect.stringContaining('refused the credential') });
  });

  it('are written into a new container when theirs is deleted meanwhile', async () => {
    await drive().prepare(filesIn(freshName()));
    let isDone = false;
    meddler().meddle = (met) => {
      if (isDone || !isLog(met) || met.asked !== 'blocklist') return undefined;
      isDone = true;
      return { first: () => clientOf('waimportexport').delete() };
    };
    const { logs } = await drive().copy();
    expect(logs.problem).toBeUndefined();
    expect(logs.verboseLogUri).toEqual(expect.any(String));
  });
});
