import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { writeImage } from '../../native-fixtures/image.ts';
import { type LoopDisk, plug } from '../../native-fixtures/loop-disk.ts';
import { runCopyProcess } from '../../src/copy/copy-process.ts';
import type { Assignment } from '../../src/copy/messages.ts';
import { RING_BYTES } from '../../src/limits.ts';
import { sinkAccount, startSink } from './start-sink.ts';

/**
 * `npm run bench`: what the copy of one drive costs, as ratios against `md5sum` of the same device in
 * the same run, and the memory of a copy process for a small and a large disk. The sink throws bodies
 * away, so that the station is measured and not a store. Rounds alternate; medians count.
 */

const run = promisify(execFile);
const GB = 1e9;
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const ROUNDS = 3;

interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

const sizeOf = (name: string, fallback: number) => Number(process.env[name] ?? fallback) * GIB;
const rateBytes = sizeOf('BENCH_RATE_GIB', 8);
const smallBytes = sizeOf('BENCH_SMALL_GIB', 1);
const largeBytes = sizeOf('BENCH_LARGE_GIB', 20);

const say = (line: string) => process.stdout.write(`${line}\n`);
const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const perSecond = (bytes: number, seconds: number) => `${(bytes / seconds / 1e6).toFixed(0)} MB/s`;

/** CPU time (user and system, all threads) and peak memory of our only copy process, while it lives. */
async function watchCopyProcess(signal: AbortSignal): Promise<Omit<Cost, 'seconds'>> {
  let last = { cpuSeconds: 0, peakBytes: 0 };
  while (!signal.aborted) {
    const pid = await copyPid();
    if (pid !== undefined) last = (await costOf(pid)) ?? last;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return last;
}

async function copyPid(): Promise<number | undefined> {
  const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8');
  for (const pid of children.trim().split(' ')) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('copy/worker.ts')) return Number(pid);
  }
  return undefined;
}

async function costOf(pid: number): Promise<Omit<Cost, 'seconds'> | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const peakKib = Number(/VmHWM:\s+(\d+)/u.exec(status)?.[1]);
    return { cpuSeconds: ticks / 100, peakBytes: peakKib * 1024 };
  } catch {
    return undefined;
  }
}

async function copyOnce(disk: LoopDisk, directory: string): Promise<Cost> {
  const sink = await startSink();
  const end = new AbortController();
  const watching = watchCopyProcess(end.signal);
  try {
    const begun = performance.now();
    const assignment = await assignmentFor(disk, { directory, port: sink.port });
    const quiet = { onMessage: () => undefined, onAbandoned: () => undefined };
    const result = await runCopyProcess(assignment, quiet, end.signal);
    const seconds = (performance.now() - begun) / 1000;
    if (result.kind !== 'settled' || result.verdict.outcome !== 'Completed') {
      throw new RangeError(`the copy did not complete: ${JSON.stringify(result)}`);
    }
    end.abort();
    return { seconds, ...(await watching) };
  } finally {
    end.abort();
    sink.child.kill('SIGKILL');
  }
}

async function assignmentFor(
  disk: LoopDisk,
  { directory, port }: { directory: string; port: number },
): Promise<Assignment> {
  const attribute = async (name: string) =>
    (await readFile(`/sys/block/${disk.name}/${name}`, 'utf8')).trim();
  return {
    kind: 'assignment',
    copyId: 'bench',
    nonce: '0000000000000000',
    driveId: 'BENCH',
    disk: {
      devicePath: disk.device,
      diskseq: disk.diskseq,
      sizeBytes: Number(await attribute('size')) * 512,
      wwns: [],
      writesAtFirstSight: Number((await attribute('stat')).split(/\s+/u)[4]),
    },
    plan: { kind: 'image', container: 'bench', blobPrefix: '' },
    storage: sinkAccount(port),
    logs: { jobName: 'bench', level: 'Error', path: '' },
    journalFile: join(directory, 'bench.journal'),
    readHangMs: 60_000,
  };
}

async function md5sumOnce(disk: LoopDisk): Promise<Cost> {
  const begun = performance.now();
  const { stderr } = await run('bash', ['-c', `TIMEFORMAT='%U %S'; time md5sum ${disk.device}`]);
  const seconds = (performance.now() - begun) / 1000;
  const [user, system] = stderr.trim().split(/\s+/u).map(Number);
  return { seconds, cpuSeconds: (user ?? 0) + (system ?? 0), peakBytes: 0 };
}

async function withDisk<T>(
  sizeBytes: number,
  work: (disk: LoopDisk, directory: string) => Promise<T>,
) {
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-bench-'));
  try {
    const image = join(directory, 'disk.img');
    await writeImage(image, { seed: 'bench', sizeBytes, sparseEveryBytes: MIB });
    await using disk = await plug(image);
    return await work(disk, directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function benchRate(): Promise<void> {
  await withDisk(rateBytes, async (disk, directory) => {
    await md5sumOnce(disk);
    const sums: Cost[] = [];
    const copies: Cost[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      sums.push(await md5sumOnce(disk));
      copies.push(await copyOnce(disk, directory));
    }
    const sum = median(sums.map((cost) => cost.seconds));
    const copy = median(copies.map((cost) => cost.seconds));
    const cpu = (costs: readonly Cost[]) =>
      (median(costs.map((cost) => cost.cpuSeconds)) / (rateBytes / GB)).toFixed(2);
    say(`image of ${rateBytes / GIB} GiB, medians of ${ROUNDS}, process start included`);
    say(`  md5sum of the device        ${perSecond(rateBytes, sum)}   CPU ${cpu(sums)} s/GB`);
    say(`  copy into the empty sink    ${perSecond(rateBytes, copy)}   CPU ${cpu(copies)} s/GB`);
    say(
      `  ratio copy : md5sum         ${(sum / copy).toFixed(2)}   (MD5 and SHA-256 a block, Content-MD5, tree digest)`,
    );
  });
}

async function benchMemory(): Promise<void> {
  const peaks: number[] = [];
  for (const sizeBytes of [smallBytes, largeBytes]) {
    const cost = await withDisk(sizeBytes, copyOnce);
    peaks.push(cost.peakBytes);
    say(
      `peak memory of the copy process, ${sizeBytes / GIB} GiB: ${(cost.peakBytes / MIB).toFixed(0)} MiB`,
    );
  }
  const [small = Number.NaN, large = Number.NaN] = peaks;
  say(
    `  ratio large : small         ${(large / small).toFixed(2)}   (ring ${RING_BYTES / MIB} MiB)`,
  );
}

const leftOver = async () =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('drive-station-bench-'));
say(
  `bench on ${(await readFile('/proc/cpuinfo', 'utf8')).match(/model name\s*:\s*(.*)/u)?.[1] ?? 'unknown CPU'}, node ${process.version}`,
);
await benchRate();
await benchMemory();
if ((await leftOver()).length > 0) process.exitCode = 1;
