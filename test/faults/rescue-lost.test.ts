import { appendFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import { bad, RescueBench, sha256 } from '../support/rescue.ts';

/** What a killed rescue left is lost, torn, of others or wrong: what is not known is read again. */

const BLOCK = 8 * 1024 * 1024;
const SIZE = 3 * BLOCK;
const PLACES = [
  { offsetBytes: BLOCK / 2, lengthBytes: 1024 },
  { offsetBytes: 2 * BLOCK + 4096, lengthBytes: 512 },
];
const FAULTS = PLACES.map((at) => bad(at.offsetBytes, at.lengthBytes));
/** A bad read takes so long that there is always time to kill the copy before the next one. */
const SLOW_FAULTS = [
  ...FAULTS,
  ...PLACES.map((at) => ({ kind: 'delay', ...at, delayMs: 300 }) as const),
];

/** By default one of each file, and all at once; the others are variants that the long run has. */
const RUNS_ALL = process.env.DRIVE_STATION_ALL_LOST_RESCUES === '1';
const BY_DEFAULT = [
  ...['the map is of another copy, and calls all bad', 'the scratch is torn'],
  ...['map, scratch and journal are lost', 'the scratch is lost, and the map is there'],
];

const unavailable = faultDiskUnavailable();

/** The files of the scratch. */
async function scratchOf({ journalFile }: RescueBench): Promise<string[]> {
  const directory = `${journalFile}.scratch`;
  return (await readdir(directory)).map((name) => join(directory, name));
}

async function rewrite(file: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(file, change(await readFile(file)));
}

const loseScratch = async (bench: RescueBench) => {
  for (const file of await scratchOf(bench)) await rm(file);
};
const loseMap = ({ journalFile }: RescueBench) => rm(`${journalFile}.map`);
const tearJournal = ({ journalFile }: RescueBench) => truncate(journalFile, 100);

const DAMAGES: Readonly<Record<string, (bench: RescueBench) => Promise<void>>> = {
  'the map is torn': ({ journalFile }) => truncate(`${journalFile}.map`, 90),
  'the map says that everything was read': ({ journalFile }) =>
    rewrite(`${journalFile}.map`, (bytes) =>
      Buffer.from(bytes.toString('latin1').replace(/ {2}[?*/-]$/gmu, '  +')),
    ),
  'the map is of another copy, and calls all bad': ({ journalFile }) =>
    rewrite(`${journalFile}.map`, (bytes) => {
      const other = bytes.toString('latin1').replace(/^# Copy: .*$/mu, '# Copy: ffffffffffffffff');
      return Buffer.from(other.replace(/ {2}[?*/+]$/gmu, '  -'));
    }),
  'the scratch is torn': async (bench) => {
    for (const file of await scratchOf(bench)) {
      const { length } = await readFile(file);
      await truncate(file, Math.floor(length / 2));
    }
  },
  'the scratch is damaged': async (bench) => {
    for (const file of await scratchOf(bench)) {
      await rewrite(file, (bytes) => {
        bytes.writeUInt8((bytes[5000] ?? 0) ^ 0xff, 5000);
        return bytes;
      });
    }
  },
  'the scratch is of another copy': async (bench) => {
    for (const file of await scratchOf(bench)) {
      await rewrite(file, (bytes) => Buffer.concat([Buffer.alloc(8, 0xee), bytes.subarray(8)]));
    }
    await appendFile(join(`${bench.journalFile}.scratch`, String(9 * BLOCK)), 'not of this disk');
  },
  'map, scratch and journal are lost': async (bench) => {
    await loseScratch(bench);
    await loseMap(bench);
    await rm(bench.journalFile);
  },
  'map and journal are lost, and the scratch is there': async (bench) => {
    await loseMap(bench);
    await tearJournal(bench);
  },
  'the scratch is lost, and the map is there': loseScratch,
};

describe.skipIf(unavailable !== undefined)('a rescue goes on when', () => {
  const damages = Object.keys(DAMAGES).filter((name) => RUNS_ALL || BY_DEFAULT.includes(name));
  it.each(damages)('%s', async (name) => {
    await using bench = await RescueBench.create(SIZE, SLOW_FAULTS);
    const result = await bench.copyUntil({
      map: ({ standing }) => standing.status === 'non-trimmed' || standing.status === 'bad',
    });
    expect(result).toMatchObject({ kind: 'failed', failure: { code: 'copy-process-killed' } });
    await bench.disk.clear();
    await bench.disk.inject(FAULTS);
    await DAMAGES[name]?.(bench);
    const second = await bench.copy();
    if (second.kind !== 'settled') throw new TypeError(JSON.stringify(second));
    expect(second.verdict).toMatchObject({
      outcome: 'CompletedMoreInfo',
      blobs: [{ unreadable: { first: PLACES, count: PLACES.length, untriedBytes: 0 } }],
    });
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros(PLACES)));
  });
});
