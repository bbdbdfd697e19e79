import { randomInt } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { plug } from '../../native-fixtures/loop-disk.ts';
import { readJournal } from '../../src/copy/journal.ts';
import { STAGE_PACE } from '../../src/limits.ts';
import { BlobProxy, type StagedRequest } from '../../src/rehearsal/blob-proxy.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { Daemon } from '../support/daemon.ts';
import {
  ACCOUNT,
  BLOCK_BYTES,
  blobDigest,
  blobNameOf,
  fileDigest,
  jobOf,
  MIB,
  makeImage,
  type TestDisk,
} from '../support/disks.ts';
import { readLedger } from '../support/ledger-file.ts';
import { type FamilyMember, remainsAfter } from '../support/processes.ts';
import { seededRandom } from '../support/random.ts';

/**
 * The daemon is killed at random instants of its life, over and over, and its copies with it; now and
 * then a copy process alone. Whatever the instant: every drive arrives, and nothing that was safe is
 * sent again.
 */

const RUNS = Number(process.env.DRIVE_STATION_CRASH_RUNS ?? 15);
const SEED = Number(process.env.DRIVE_STATION_CRASH_SEED ?? randomInt(2 ** 31));
/** Kills of one set of disks; then the rest of the copy is left in peace and everything is checked. */
const KILLS_A_SERIES = 13;
/** A life of the daemon: start-up takes about one second, a copy about three. */
const LONGEST_LIFE_MS = 3_200;
const SHARE_OF_COPY_KILLS = 0.2;
/** By default the fifth failure of a drive asks a person; these kills must stay below. */
const MAX_COPY_KILLS = 3;
const ORPHANS_GONE_WITHIN_MS = 60_000;

const DISKS: readonly TestDisk[] = [
  { serial: 'WD-WCC4N7XKPZ01', sizeBytes: 72 * MIB },
  { serial: 'ZC18QV4T', sizeBytes: 54 * MIB + 512 },
  { serial: 'S3YJNB0K90877', sizeBytes: 100 * MIB, sparseEveryBytes: MIB },
  { serial: 'PHYG0421', sizeBytes: 40 * MIB, sparseEveryBytes: 2 * MIB },
];
const BLOCKS = DISKS.reduce((sum, disk) => sum + Math.ceil(disk.sizeBytes / BLOCK_BYTES), 0);

interface Kill {
  readonly at: number;
  readonly target: 'daemon' | 'copy';
  /** Copy processes that ran in that moment. */
  readonly running: number;
}

interface Series {
  readonly name: string;
  readonly daemon: Daemon;
  readonly proxy: BlobProxy;
  readonly kills: Kill[];
  /** Processes that were there when their daemon was killed, and when that was. */
  readonly orphans: { readonly member: FamilyMember; readonly since: number }[];
  /** Those of them that lived for longer than they may. */
  readonly lingering: Set<string>;
  /** Block ids that a journal had, and since when that is known. */
  readonly journaled: Map<string, number>;
}

let azurite: Azurite;
beforeEach(async () => {
  azurite = await startAzurite();
});
afterEach(() => azurite.stop());

test(
  `${RUNS} kills at random instants lose nothing and repeat only what was in flight`,
  async () => {
    process.stdout.write(`DRIVE_STATION_CRASH_SEED=${SEED} DRIVE_STATION_CRASH_RUNS=${RUNS}\n`);
    const random = seededRandom(SEED);
    const tally = { kills: 0, copyKills: 0, blocks: 0, repeated: 0, allowed: 0 };
    for (let number = 1; tally.kills < RUNS; number++) {
      const wanted = Math.min(KILLS_A_SERIES, RUNS - tally.kills);
      const done = await oneSeries(`crash-${number}`, wanted, random);
      tally.kills += done.kills.length;
      tally.copyKills += done.kills.filter(({ target }) => target === 'copy').length;
      tally.blocks += BLOCKS;
      tally.repeated += done.repeated;
      tally.allowed += done.allowed;
    }
    process.stdout.write(`${JSON.stringify(tally)}\n`);
    expect(tally.kills).toBe(RUNS);
  },
  240_000 + RUNS * 30_000,
);

async function oneSeries(name: string, wanted: number, random: () => number) {
  await using proxy = await BlobProxy.start(azurite.blobEndpoint);
  proxy.delayMs = () => random() * 120;
  const connectionString = proxy.connectionString(azurite.connectionString);
  await using daemon = await Daemon.start({
    storageAccounts: { [ACCOUNT]: { kind: 'connection-string', connectionString } },
  });
  const images = new Map<string, string>();
  for (const disk of DISKS) {
    const image = await makeImage(daemon.disksDirectory, disk);
    images.set(disk.serial, image);
    await plug(image);
  }
  await daemon.createJob(jobOf(name, [...images.keys()]));
  const series: Series = {
    ...{ name, daemon, proxy, kills: [], orphans: [] },
    lingering: new Set(),
    journaled: new Map(),
  };
  await killAgainAndAgain(series, wanted, random);
  const finished = ({ state }: { state: string }) => state === 'Completed' || state === 'Faulted';
  await daemon.ready();
  await daemon.until((view) => view.drives.length === 4 && view.drives.every(finished), 'the end');
  return await judge(series, images);
}

async function killAgainAndAgain(
  series: Series,
  wanted: number,
  random: () => number,
): Promise<void> {
  const { daemon, kills } = series;
  let copyKills = 0;
  while (kills.length < wanted) {
    await sleep(random() * LONGEST_LIFE_MS);
    const aimAtCopy = random() < SHARE_OF_COPY_KILLS && copyKills < MAX_COPY_KILLS;
    const copies = await daemon.copyProcesses();
    const victim = copies[Math.floor(random() * copies.length)];
    if (aimAtCopy && victim !== undefined) {
      copyKills++;
      process.kill(victim.pid, 'SIGKILL');
      kills.push({ at: performance.now(), target: 'copy', running: 1 });
      continue;
    }
    await daemon.kill();
    const since = performance.now();
    kills.push({ at: since, target: 'daemon', running: copies.length });
    series.orphans.push(...(await daemon.family()).map((member) => ({ member, since })));
    await noteJournals(series);
    await noteLingering(series);
    daemon.launch();
  }
}

async function noteJournals({ daemon, journaled }: Series): Promise<void> {
  const directory = join(daemon.stateDirectory, 'journals');
  const files = await readdir(directory).catch(() => []);
  for (const file of files.filter((name) => name.endsWith('.journal'))) {
    for await (const record of readJournal(join(directory, file))) {
      if (record.kind !== 'staged' || journaled.has(record.id)) continue;
      journaled.set(record.id, performance.now());
    }
  }
}

async function judge(series: Series, images: ReadonlyMap<string, string>) {
  const { name, daemon, proxy, kills } = series;
  expect(daemon.view?.drives.map(({ driveId, state }) => `${driveId} ${state}`).sort()).toEqual(
    [...images.keys()].map((serial) => `${serial} Completed`).sort(),
  );
  expect((await daemon.stop()).exitCode).toBe(0);
  expect(await remaining(series)).toEqual([]);
  const account = {
    kind: 'connection-string',
    connectionString: azurite.connectionString,
  } as const;
  for (const [serial, image] of images) {
    expect(await blobDigest(account, blobNameOf(name, serial))).toBe(await fileDigest(image));
  }
  const ledger = await readLedger(daemon.stateDirectory);
  expect(ledger).toMatchObject({ firstBrokenEvent: undefined, illegalMoves: [] });
  expect(ledger.events.length).toBeGreaterThan(DISKS.length);
  const again = repeats(proxy.staged);
  const killTimes = kills.map(({ at }) => at);
  expect(again.filter(({ first, then }) => wasSafe(first, then, killTimes))).toEqual([]);
  expect(
    again.filter(({ then }) => (series.journaled.get(then.block.id) ?? Infinity) < then.beganAt),
  ).toEqual([]);
  const allowed = kills.reduce((sum, { running }) => sum + running * STAGE_PACE.max, 0);
  expect(again.length).toBeLessThanOrEqual(allowed);
  expect(proxy.staged.length - again.length).toBe(BLOCKS);
  return { kills, repeated: again.length, allowed };
}

interface Repeat {
  readonly first: StagedRequest;
  readonly then: StagedRequest;
}

/** Every Put Block of a block that a Put Block had carried before. */
function repeats(staged: readonly StagedRequest[]): Repeat[] {
  const seen = new Map<string, StagedRequest>();
  const found: Repeat[] = [];
  for (const then of staged) {
    const key = `${then.blob} ${then.block.index}`;
    const first = seen.get(key);
    if (first !== undefined) found.push({ first, then });
    if (first?.ackedAt === undefined) seen.set(key, then);
  }
  return found;
}

/** The store had said yes before the last kill, or there was no kill since to explain the repeat. */
function wasSafe(first: StagedRequest, then: StagedRequest, kills: readonly number[]): boolean {
  if (first.ackedAt === undefined) return false;
  const lastKill = kills.findLast((at) => at < then.beganAt);
  return lastKill === undefined || first.ackedAt < lastKill;
}

/** An orphan is known by its process id together with its command line. */
async function noteLingering({ daemon, orphans, lingering }: Series): Promise<void> {
  const now = performance.now();
  const alive = new Set((await daemon.family()).map(({ pid, command }) => `${pid} ${command}`));
  for (const { member, since } of orphans) {
    const name = `${member.pid} ${member.command}`;
    if (alive.has(name) && now - since > ORPHANS_GONE_WITHIN_MS) lingering.add(name);
  }
}

/** The daemon has stopped: whatever is left after the deadline should not be there. */
async function remaining({ daemon, lingering }: Series): Promise<string[]> {
  const left = await remainsAfter(daemon.mark, ORPHANS_GONE_WITHIN_MS);
  return [...lingering, ...left.map(({ pid, command }) => `${pid} ${command}`)];
}
