import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { writeImage } from '../../native-fixtures/image.ts';
import { plug } from '../../native-fixtures/loop-disk.ts';
import type { StorageAccount } from '../../src/blobs/contract.ts';
import { openContainer } from '../../src/blobs/open.ts';
import { type CopyResult, runCopyProcess } from '../../src/copy/copy-process.ts';
import { readJournal } from '../../src/copy/journal.ts';
import type { Assignment, FromCopy, ImageAssignment } from '../../src/copy/messages.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import { splitLogName } from '../../src/formats/log-name.ts';
import type { LoopDisk } from '../../src/loopback/contract.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { type WholeLog, wholeLog } from '../support/drive-logs.ts';

const MIB = 1024 * 1024;
const BLOCK_BYTES = 8 * MIB;
const IMAGE_BYTES = 42 * MIB + 512;
const DRIVE_ID = 'WD_1/2';
const never = new AbortController().signal;

let azurite: Azurite;
let directory: string;
let image: string;
let disk: LoopDisk;
/** Each test has containers of its own. */
let unique: string;
let runs = 0;

beforeAll(async () => {
  azurite = await startAzurite();
  directory = await mkdtemp(join(tmpdir(), 'drive-station-logs-'));
  image = join(directory, 'disk.img');
  await writeImage(image, { seed: 'copy-logs', sizeBytes: IMAGE_BYTES });
});
afterAll(async () => {
  await azurite.stop();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  unique = `t${++runs}`;
  disk = await plug(image);
});
afterEach(() => disk.unplug());

const byKey = (): StorageAccount => ({
  kind: 'connection-string',
  connectionString: azurite.connectionString,
});

async function assignmentFor(logs: Partial<Assignment['logs']> = {}): Promise<ImageAssignment> {
  const stat = await readFile(`/sys/block/${disk.name}/stat`, 'utf8');
  return {
    kind: 'assignment',
    copyId: unique,
    nonce: '00112233aabbccdd',
    driveId: DRIVE_ID,
    disk: {
      devicePath: disk.device,
      diskseq: disk.diskseq,
      sizeBytes: IMAGE_BYTES,
      wwns: [],
      writesAtFirstSight: Number(stat.trim().split(/\s+/u)[4]),
    },
    plan: { kind: 'image', container: `disks-${unique}`, blobPrefix: 'test/' },
    storage: byKey(),
    logs: { jobName: 'job_1', level: 'Verbose', path: `logs-${unique}`, ...logs },
    journalFile: join(directory, `${unique}.journal`),
    readHangMs: 60_000,
  };
}

async function runCopy(
  assignment: Assignment,
  onMessage: (message: FromCopy) => void = () => undefined,
  signal: AbortSignal = never,
): Promise<CopyResult> {
  return runCopyProcess(assignment, { onMessage, onAbandoned: () => undefined }, signal);
}

async function settled(assignment: Assignment) {
  const result = await runCopy(assignment);
  if (result.kind !== 'settled') throw new TypeError(`the copy failed: ${result.failure.message}`);
  return result;
}

/** Stops the copy when its first bytes are safe. */
async function interrupted(assignment: Assignment): Promise<void> {
  const stop = new AbortController();
  const stopAtProgress = (message: FromCopy) => {
    if (message.kind === 'progress' && message.progress.stagedBytes > 0) stop.abort();
  };
  const result = await runCopy(assignment, stopAtProgress, stop.signal);
  expect(result).toMatchObject({ kind: 'failed', failure: { code: 'cancelled' } });
}

/** The container and the name in it that a URL of the emulator stands for. */
function placeOf(url: string | undefined): { container: string; name: string } {
  const path = decodeURIComponent(new URL(url ?? 'about:blank').pathname);
  const [, , container = '', ...name] = path.split('/');
  return { container, name: name.join('/') };
}

async function logAt(url: string | undefined): Promise<WholeLog> {
  const { container, name } = placeOf(url);
  const store = await openContainer(byKey(), container);
  expect((await store.properties(name as BlobName, never)).contentType).toBe('application/xml');
  return wholeLog(store.read(name as BlobName, never));
}

async function blocksOfImage() {
  const bytes = await readFile(image);
  return Array.from({ length: Math.ceil(IMAGE_BYTES / BLOCK_BYTES) }, (_, index) => {
    const block = bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES);
    const hash = createHash('md5').update(block).digest('hex').toUpperCase();
    return { offset: index * BLOCK_BYTES, length: block.length, hash, status: 'Completed' };
  });
}

describe('the copy logs of a drive', () => {
  test('lie under their names where the job wants them and tell what the verdict says', async () => {
    const startedAt = Date.now();
    const assignment = await assignmentFor();
    const { verdict, logs } = await settled(assignment);
    expect(verdict.copyStatus).toBe('Completed');
    expect(logs.problem).toBeUndefined();
    for (const [kind, url] of [
      ['error', logs.errorLogUri],
      ['verbose', logs.verboseLogUri],
    ] as const) {
      const { container, name } = placeOf(url);
      expect(container).toBe(`logs-${unique}`);
      expect(name).toMatch(/^waies\/job_1_WD~5F1~2F2_\d{8}-\d{6}-\d{3}_(?:error|verbose)\.xml$/u);
      expect(splitLogName(name)).toMatchObject({ jobName: 'job_1', driveId: DRIVE_ID, kind });
      expect(splitLogName(name)?.at.getTime()).toBeGreaterThanOrEqual(startedAt);
    }
    const head = { version: '2014-11-01', driveId: DRIVE_ID, status: verdict.copyStatus };
    expect(await logAt(logs.errorLogUri)).toEqual({ ...head, blobs: [] });
    const [blob] = verdict.blobs;
    const store = await openContainer(byKey(), assignment.plan.container);
    const { committed = [] } = await store.listBlocks(blob?.name as BlobName, never);
    const blocks = (await blocksOfImage()).map((block, at) => ({
      ...block,
      id: committed[at]?.id,
    }));
    expect(await logAt(logs.verboseLogUri)).toEqual({
      ...head,
      blobs: [
        {
          status: 'Completed',
          blobPath: `disks-${unique}/${blob?.name}`,
          filePath: '\\WD_1~2F2.img',
          length: IMAGE_BYTES,
          disposition: { value: 'no-overwrite', status: 'Created' },
          ranges: { kind: 'blocks', list: blocks },
        },
      ],
    });
  });

  test('have every hash also after an interruption, from the journal or the disk', async () => {
    await interrupted(await assignmentFor());
    const { logs } = await settled(await assignmentFor());
    const { blobs } = await logAt(logs.verboseLogUri);
    expect(blobs[0]?.ranges?.list).toMatchObject(await blocksOfImage());
  });

  test('have every hash when a journal is lost that is short enough to be made again', async () => {
    const assignment = await assignmentFor();
    await interrupted(assignment);
    await rm(assignment.journalFile);
    const { verdict, logs } = await settled(assignment);
    expect(verdict.copyStatus).toBe('Completed');
    const { blobs } = await logAt(logs.verboseLogUri);
    expect(blobs[0]?.ranges?.list).toMatchObject(await blocksOfImage());
    const sums = (await Array.fromAsync(readJournal(assignment.journalFile))).filter(
      (each) => 'md5' in each,
    );
    expect(new Set(sums.map((each) => 'index' in each && each.index)).size).toBe(
      Math.ceil(IMAGE_BYTES / BLOCK_BYTES),
    );
  });

  test('are written again, beside the first, when the last word of an attempt was lost', async () => {
    const first = await settled(await assignmentFor());
    const second = await settled(await assignmentFor());
    expect(second.verdict).toEqual(first.verdict);
    expect(second.logs.errorLogUri).not.toBe(first.logs.errorLogUri);
    expect(await logAt(second.logs.verboseLogUri)).toEqual(await logAt(first.logs.verboseLogUri));
  });

  test('are only the error log unless the job wants more', async () => {
    const { logs } = await settled(await assignmentFor({ level: 'Error' }));
    expect(Object.keys(logs)).toEqual(['errorLogUri']);
  });

  test('lie in the container of the blobs when the credential is a SAS for it', async () => {
    const assignment = await assignmentFor({ path: 'my/diagnostics' });
    const { container } = assignment.plan;
    await (await openContainer(byKey(), container)).ensure(never);
    const credential = new StorageSharedKeyCredential(azurite.accountName, azurite.accountKey);
    const permissions = ContainerSASPermissions.parse('racwl');
    const expiresOn = new Date(Date.now() + 600_000);
    const protocol = SASProtocol.HttpsAndHttp;
    const query = { containerName: container, permissions, protocol, expiresOn };
    const sasToken = `${generateBlobSASQueryParameters(query, credential)}`;
    const { blobEndpoint } = azurite;
    const storage = { kind: 'sas', blobEndpoint, sasToken } as const;
    const { logs } = await settled({ ...assignment, storage });
    expect(placeOf(logs.errorLogUri)).toEqual({
      container,
      name: expect.stringMatching(/^my\/diagnostics\/waies\/job_1_.*_error\.xml$/u),
    });
    expect(logs.errorLogUri).not.toContain('sig=');
    expect((await logAt(logs.verboseLogUri)).status).toBe('Completed');
  });

  test('that the store refuses change nothing in the verdict and are not kept quiet', async () => {
    const { verdict, logs } = await settled(await assignmentFor({ path: 'No Container' }));
    expect(verdict).toMatchObject({ outcome: 'Completed', copyStatus: 'Completed' });
    expect(logs).toEqual({ problem: expect.stringMatching(/container name/u) });
  });
});
