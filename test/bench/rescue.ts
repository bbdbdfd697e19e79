import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import type { DiskFault } from '../../src/detect/identity-file.ts';
import { parseRescueMap } from '../../src/formats/rescue-map.ts';
import { bad, RescueBench } from '../support/rescue.ts';
import { sinkAccount, startSink } from './start-sink.ts';

/**
 * The rescue of a sick disk by the station and by GNU ddrescue, on the same fault disk with the same bad
 * places and the same time for each failing read, in one run: bytes recovered, seconds, and requests that
 * met a bad sector, as ratios of ours to theirs. Each sector gets as many reads of its own from both: one
 * and two retries. The station hashes and sends as it always does, to the sink; ddrescue writes a file.
 * The start of the copy process counts. It is started as the unit starts it: with what `bin/precompile`
 * has compiled ahead, which is made anew before the first map, for the user who runs this (root).
 *
 *     node --disable-warning=ExperimentalWarning test/bench/rescue.ts
 */

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const MIB = 1024 * 1024;
const SIZE = Number(process.env.BENCH_RESCUE_MIB ?? 256) * MIB;
/** What one request that meets a bad sector takes; real drives take up to some seconds. */
const DELAY_MS = Number(process.env.BENCH_RESCUE_DELAY_MS ?? 250);
const SECTOR = 512;
const RETRIES = 2;

interface Rescued {
  readonly recoveredBytes: number;
  readonly seconds: number;
  readonly badReads: number;
}

/** Disks in the ways in which they fail, by the name that `BENCH_RESCUE_MAPS` may pick. */
const MAPS: Readonly<Record<string, () => DiskFault[]>> = {
  /** A disk on its way out, with some of each. */
  worn: () => withDelays([...scattered(), ...heads(), scratch(), ...singles(16)]),
  scattered: () => withDelays(scattered()),
  /** A scratch: 48 KiB in one piece. */
  zone: () => withDelays([scratch()]),
  /** One head of several: runs of 32 KiB that come again every few megabytes. */
  head: () => withDelays(heads()),
  /** Single sectors everywhere. */
  spread: () => withDelays(singles(60)),
  /** Nothing is bad, and each request takes its time. */
  slow: () => {
    const place = { offsetBytes: SIZE / 4, lengthBytes: 8 * MIB };
    return [{ kind: 'delay', ...place, delayMs: DELAY_MS }];
  },
};

function scratch(): DiskFault {
  return bad(SIZE / 2 + MIB / 2, 48 * 1024);
}

function heads(): DiskFault[] {
  return Array.from({ length: 3 }, (_, i) => bad(i * 5 * MIB + MIB, 32 * 1024));
}

function singles(count: number): DiskFault[] {
  const apart = Math.floor(SIZE / (count + 4) / MIB) * MIB;
  return Array.from({ length: count }, (_, i) => bad(i * apart + 2 * MIB, SECTOR));
}

/** Single sectors all over, one region, and sectors that give in at the second or third try. */
function scattered(): DiskFault[] {
  const single = [3, 17, 18, 61, 62, 90, 140, 141, 180, 233].map((at) => ({
    offsetBytes: Math.floor((at / 256) * SIZE) + 7 * SECTOR,
    lengthBytes: SECTOR,
  }));
  const region = {
    offsetBytes: Math.floor(SIZE / 3 / MIB) * MIB + MIB / 2,
    lengthBytes: 16 * 1024,
  };
  const weak = [40, 120, 200].map((at) => Math.floor((at / 256) * SIZE) + MIB / 4);
  const always = [...single, region].map(({ offsetBytes, lengthBytes }) =>
    bad(offsetBytes, lengthBytes),
  );
  return [...always, ...weak.map((at, index) => bad(at, SECTOR, 1 + index))];
}

function withDelays(faults: readonly DiskFault[]): DiskFault[] {
  return faults.flatMap((fault) => {
    const { offsetBytes, lengthBytes } = fault;
    return [fault, { kind: 'delay', offsetBytes, lengthBytes, delayMs: DELAY_MS } as const];
  });
}

async function measured(
  faults: readonly DiskFault[],
  rescue: (bench: RescueBench) => Promise<number>,
): Promise<Rescued> {
  await using bench = await RescueBench.create(SIZE, faults);
  const begun = performance.now();
  const recoveredBytes = await rescue(bench);
  const seconds = (performance.now() - begun) / 1000;
  const { faults: counted } = await bench.disk.counters();
  const failing = counted.filter(({ kind }) => kind === 'read-error');
  const badReads = failing.reduce((sum, { reads }) => sum + reads, 0);
  return { recoveredBytes, seconds, badReads };
}

const byStation = (port: number) => async (bench: RescueBench) => {
  const result = await bench.copy(undefined, { over: { storage: sinkAccount(port) } });
  if (result.kind !== 'settled') throw new RangeError(JSON.stringify(result));
  return result.verdict.blobs.reduce((sum, blob) => sum + blob.readBytes, 0);
};

async function measuredStation(faults: readonly DiskFault[]): Promise<Rescued> {
  const sink = await startSink();
  try {
    return await measured(faults, byStation(sink.port));
  } finally {
    sink.child.kill('SIGKILL');
  }
}

const byDdrescue = (options: readonly string[]) => async (bench: RescueBench) => {
  const [image, map] = [join(bench.directory, 'dd.img'), join(bench.directory, 'dd.map')];
  const retries = `--retry-passes=${RETRIES}`;
  await run('ddrescue', ['-q', retries, ...options, bench.disk.disk.device, image, map]);
  return parseRescueMap(await readFile(map, 'latin1')).map.bytesOf('finished');
};

const show = (name: string, { recoveredBytes, seconds, badReads }: Rescued) =>
  `${name.padEnd(24)} ${recoveredBytes} bytes  ${seconds.toFixed(2)} s  ${badReads} reads of bad sectors`;

/**
 * The options nearest to what the station does: past the page cache, a good place read again after an
 * error, the map forced to the disk every five seconds. Without direct reads ddrescue meets each bad
 * sector about ten times as often, and takes as long.
 */
const NEAREST = ['--idirect', '--verify-on-error', '--mapfile-interval=5,5'];
const variants =
  process.env.BENCH_RESCUE_BUFFERED === undefined ? [NEAREST] : [NEAREST, NEAREST.slice(1)];
await run(join(ROOT, 'bin/precompile'), [userInfo().username]);
process.env.NODE_COMPILE_CACHE = join(ROOT, 'node_modules/.cache/service');
const wanted = process.env.BENCH_RESCUE_MAPS?.split(',') ?? Object.keys(MAPS);

for (const [name, faultsOf] of Object.entries(MAPS)) {
  if (!wanted.includes(name)) continue;
  const faults = faultsOf();
  const ours = await measuredStation(faults);
  process.stdout.write(`${name}\n${show('  the station', ours)}\n`);
  for (const options of variants) {
    const found = await measured(faults, byDdrescue(options));
    const lost = [SIZE - ours.recoveredBytes, SIZE - found.recoveredBytes];
    const ratios = [
      `bytes not recovered ${lost.join(' to ')}`,
      `time x${(ours.seconds / found.seconds).toFixed(2)}`,
      `reads of bad sectors ${ours.badReads} to ${found.badReads}`,
    ];
    const title = options.includes('--idirect') ? '  ddrescue' : '  ddrescue, buffered';
    process.stdout.write(`${show(title, found)}\n  ours to theirs: ${ratios.join(', ')}\n`);
  }
}
