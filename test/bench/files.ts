import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type LoopDisk, plug } from '../../native-fixtures/loop-disk.ts';
import { buildPreparedDrive } from '../../native-fixtures/prepared-drive/build.ts';
import { type BlobSpec, driveSpec } from '../../native-fixtures/prepared-drive/spec.ts';
import { openContainer } from '../../src/blobs/open.ts';
import { runCopyProcess } from '../../src/copy/copy-process.ts';
import type { Assignment, FilesAssignment } from '../../src/copy/messages.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import { assignmentOf } from '../support/drive-copy.ts';
import { bytesOf, FileDrive, never } from '../support/file-drive.ts';

/**
 * What the copy of files costs, as ratios within one run: many small files against the same puts one
 * after the other, a large file against the image of the same disk, and the memory of a copy process
 * for one file and for many. The sink throws bodies away.
 */

const MIB = 1024 * 1024;
const SMALL_FILES = Number(process.env.BENCH_SMALL_FILES ?? 3000);
const LARGE_MIB = Number(process.env.BENCH_LARGE_MIB ?? 512);
const MANY_FILES = Number(process.env.BENCH_MANY_FILES ?? 2000);

/** There and back to a service in the same region. */
const ROUND_TRIP_MS = 5;
const NODE_OPTIONS = ['--disable-warning=ExperimentalWarning'];

const say = (line: string) => process.stdout.write(`${line}\n`);

interface Sink extends Disposable {
  readonly connectionString: string;
}

async function startSink(delayMs = 0): Promise<Sink> {
  const program = new URL('./sink.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [...NODE_OPTIONS, program, String(delayMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  const key = Buffer.from('bench').toString('base64');
  const endpoint = `http://127.0.0.1:${String(line).trim()}/bench`;
  return {
    connectionString: `DefaultEndpointsProtocol=http;AccountName=bench;AccountKey=${key};BlobEndpoint=${endpoint};`,
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}

async function benchSmallFiles(): Promise<void> {
  using sink = await startSink(ROUND_TRIP_MS);
  await using drive = await FileDrive.create();
  const { connectionString } = sink;
  drive.storage = { kind: 'connection-string', connectionString };
  const files = Array.from({ length: SMALL_FILES }, (_, index) => ({
    blob: `small/${index % 50}/file-${index}.bin`,
    bytes: bytesOf(`small ${index}`, 2000 + (index % 10) * 700),
  }));
  await drive.prepare(files);
  const copy = await seconds(async () => {
    const { verdict } = await drive.copy();
    if (verdict.outcome !== 'Completed') throw new RangeError(JSON.stringify(verdict.reasons));
  });
  const container = await openContainer(drive.storage, 'one-by-one');
  const puts = await seconds(async () => {
    for (const { blob } of files) {
      const body = await readFile(join(drive.root, blob));
      const md5 = hash('md5', body, 'hex');
      const name = blob as BlobName;
      await container.put({ name, body, md5, metadata: {} }, never);
      await container.properties(name, never);
    }
  });
  say(`${SMALL_FILES} small files, ${ROUND_TRIP_MS} ms to the store and back`);
  say(`  copied, with journal and logs  ${(SMALL_FILES / copy).toFixed(0)} files/s`);
  say(`  put and asked for one by one   ${(SMALL_FILES / puts).toFixed(0)} files/s`);
  say(`  ratio copied : one by one      ${(puts / copy).toFixed(2)}`);
}

interface Cost {
  readonly seconds: number;
  readonly peakBytes: number;
}

async function costOf(assignment: Assignment): Promise<Cost> {
  const end = new AbortController();
  const watching = peakOf(end.signal);
  const quiet = { onMessage: () => undefined, onAbandoned: () => undefined };
  const took = await seconds(async () => {
    const result = await runCopyProcess(assignment, quiet, never);
    if (result.kind === 'settled' && result.verdict.outcome === 'Completed') return;
    throw new RangeError(JSON.stringify(result));
  }).finally(() => end.abort());
  return { seconds: took, peakBytes: await watching };
}

/** Peak memory of our only copy process, while it lives. */
async function peakOf(signal: AbortSignal): Promise<number> {
  let peak = 0;
  while (!signal.aborted) {
    const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8');
    for (const pid of children.trim().split(' ')) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (!command.includes('copy/worker.ts')) continue;
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/u.exec(status)?.[1] ?? 0) * 1024);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return peak;
}

/** A plugged NTFS disk without BitLocker that holds these files. */
async function withDrive<T>(
  blobs: readonly BlobSpec[],
  use: (disk: LoopDisk, assignment: FilesAssignment) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-bench-'));
  try {
    const bytes = blobs.reduce((sum, { file }) => sum + file.sizeBytes, 0);
    const sizeBytes = Math.ceil((bytes * 1.2) / MIB + 64) * MIB;
    const volume = { bitlocker: 'none', filesystem: 'ntfs', sizeBytes } as const;
    const spec = { ...driveSpec('bench', [{ blobs }]), volume };
    const imageFile = join(directory, 'drive.img');
    const { job } = await buildPreparedDrive(spec, { imageFile });
    const { driveId, ...prepared } = job;
    await using disk = await plug(imageFile);
    return await use(disk, await assignmentOf({ disk, directory, driveId, prepared }));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function blobSpec(index: number, sizeBytes: number): BlobSpec {
  const file = { path: `\\f${index % 50}\\file-${index}.bin`, sizeBytes };
  const cut = { kind: 'blocks', blockBytes: 4 * MIB, ids: 'counter' } as const;
  return { blobPath: `bench/f${index % 50}/file-${index}.bin`, file, cut };
}

async function benchLargeFile(): Promise<number> {
  const bytes = LARGE_MIB * MIB;
  return await withDrive([blobSpec(0, bytes)], async (_disk, assignment) => {
    using sink = await startSink();
    const { connectionString } = sink;
    const storage = { kind: 'connection-string', connectionString } as const;
    const files = await costOf({ ...assignment, storage });
    const journalFile = `${assignment.journalFile}.image`;
    const plan = { kind: 'image', container: 'image', blobPrefix: '' } as const;
    const image = await costOf({ ...assignment, storage, journalFile, plan });
    const rate = (length: number, cost: Cost) => length / cost.seconds / 1e6;
    const fileRate = rate(bytes, files);
    const imageRate = rate(assignment.disk.sizeBytes, image);
    say(`one file of ${LARGE_MIB} MiB, process start and mount included`);
    say(`  copied as a file               ${fileRate.toFixed(0)} MB/s`);
    say(`  image of the whole disk        ${imageRate.toFixed(0)} MB/s`);
    say(`  ratio file : image             ${(fileRate / imageRate).toFixed(2)}`);
    say(`  peak memory                    ${(files.peakBytes / MIB).toFixed(0)} MiB`);
    return files.peakBytes;
  });
}

async function benchManyFiles(onePeakBytes: number): Promise<void> {
  const blobs = Array.from({ length: MANY_FILES }, (_, index) => blobSpec(index, 3000));
  await withDrive(blobs, async (_disk, assignment) => {
    using sink = await startSink();
    const { connectionString } = sink;
    const cost = await costOf({
      ...assignment,
      storage: { kind: 'connection-string', connectionString },
    });
    say(`${MANY_FILES} small files on NTFS, process start and mount included`);
    say(`  copied                         ${(MANY_FILES / cost.seconds).toFixed(0)} files/s`);
    say(`  peak memory                    ${(cost.peakBytes / MIB).toFixed(0)} MiB`);
    say(`  ratio many : one               ${(cost.peakBytes / onePeakBytes).toFixed(2)}`);
  });
}

await benchSmallFiles();
await benchManyFiles(await benchLargeFile());
