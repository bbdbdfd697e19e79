import { type ChildProcess, spawn } from 'node:child_process';
import { hash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { allBlobs } from '../../src/blobs/listing.ts';
import { BlobProxy } from '../../src/rehearsal/blob-proxy.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { bytesOf, FileDrive, type FileSpec, never } from '../support/file-drive.ts';
import { seededRandom } from '../support/random.ts';

/**
 * A copy of many small files and a few large ones is killed at random instants, over and over.
 * Whatever the instant: what arrives is what the manifest promises, under its own name and once; a blob
 * that was there at a kill is not written again; and somebody else's blob is as it was.
 */

const KILLS = Number(process.env.DRIVE_STATION_FILES_KILLS ?? 8);
const FILES = Number(process.env.DRIVE_STATION_FILES ?? 2000);
const SEED = Number(process.env.DRIVE_STATION_CRASH_SEED ?? randomInt(2 ** 31));
/** A life of the copy, counted from the moment at which it knows what is to be done. */
const LONGEST_LIFE_MS = 2500;
const KIB = 1024;
const MIB = 1024 * KIB;
const CONTAINER = 'pictures';
const FOREIGN = `${CONTAINER}/foreign.jpg`;
const REPLACED = `${CONTAINER}/replaced.jpg`;
const CHILD = fileURLToPath(new URL('../support/files-copy-child.ts', import.meta.url));

let azurite: Azurite;
let drive: FileDrive;
let proxy: BlobProxy;
beforeEach(async () => {
  azurite = await startAzurite();
  drive = await FileDrive.create();
  proxy = await BlobProxy.start(azurite.blobEndpoint);
  drive.storage = { kind: 'connection-string', connectionString: azurite.connectionString };
});
afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  await drive[Symbol.asyncDispose]();
  await azurite.stop();
});

function specs(): FileSpec[] {
  const small = Array.from({ length: FILES }, (_, index) => ({
    blob: `${CONTAINER}/${index % 10}/small-${index}.jpg`,
    bytes: bytesOf(`small ${index}`, 200 + (index % 7) * 300),
  }));
  const large = [0, 1, 2].map((index) => ({
    blob: `${CONTAINER}/large-${index}.raw`,
    bytes: bytesOf(`large ${index}`, 6 * MIB + index),
    blockBytes: 512 * KIB,
    ids: index > 0,
  }));
  const pages: FileSpec = {
    blob: `${CONTAINER}/disk.vhd`,
    bytes: bytesOf('pages', 2 * MIB),
    pages: Array.from({ length: 16 }, (_, index) => [index * 128 * KIB, 64 * KIB] as const),
  };
  const foreign: FileSpec = { blob: FOREIGN, bytes: bytesOf('foreign', 700) };
  const replaced: FileSpec = {
    ...{ blob: REPLACED, bytes: bytesOf('replaced', 900) },
    disposition: 'overwrite',
  };
  const half = small.length / 2;
  return [...small.slice(0, half), ...large, pages, foreign, replaced, ...small.slice(half)];
}

function startCopy(): { child: ChildProcess; ended: Promise<unknown>; output: () => string } {
  const { directory, manifestHash } = drive;
  const connectionString = proxy.connectionString(azurite.connectionString);
  const args = ['--disable-warning=ExperimentalWarning', CHILD];
  const child = spawn(process.execPath, [...args, directory, connectionString, manifestHash], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += String(chunk);
  });
  return { child, ended: once(child, 'close'), output: () => output };
}

/** Every blob of the container by its name. */
async function blobsNow() {
  const container = await drive.container(CONTAINER);
  const blobs = new Map<string, { etag: string; md5: string | undefined; type: string }>();
  for await (const { name, etag, md5, type } of allBlobs(container, { prefix: '' }, never)) {
    blobs.set(name, { etag, md5, type });
  }
  return blobs;
}

test(
  `${KILLS} kills of a copy of ${FILES} files lose nothing, write nothing twice and touch nobody's blob`,
  async () => {
    process.stdout.write(`DRIVE_STATION_CRASH_SEED=${SEED} DRIVE_STATION_FILES=${FILES}\n`);
    const random = seededRandom(SEED);
    proxy.delayMs = () => random() * 10;
    const files = specs();
    await drive.prepare(files);
    await drive.occupy(FOREIGN);
    await drive.occupy(REPLACED);
    const before = new Map<string, string>();
    let kills = 0;
    while (kills < KILLS) {
      const { child, ended } = startCopy();
      if (child.stdout !== null) await once(child.stdout, 'data');
      await Promise.race([sleep(random() * LONGEST_LIFE_MS), ended]);
      if (child.exitCode !== null) break;
      child.kill('SIGKILL');
      await ended;
      kills++;
      for (const [name, { etag, type }] of await blobsNow()) {
        if (type === 'block' && name !== 'replaced.jpg') before.set(name, before.get(name) ?? etag);
      }
    }
    const last = startCopy();
    await last.ended;
    process.stdout.write(`${JSON.stringify({ kills, thereAtKills: before.size })}\n`);
    expect(JSON.parse(last.output().split('\n').at(-2) ?? '')).toMatchObject({
      copyStatus: 'CompletedWithWarnings',
      files: {
        planned: files.length,
        completed: files.length,
        renamed: 1,
        overwritten: 1,
        withErrors: 0,
      },
    });
    const found = await blobsNow();
    const expected = files.map(({ blob }) => blob.slice(CONTAINER.length + 1));
    expect([...found.keys()].sort()).toEqual([...expected, 'foreign (2).jpg'].sort());
    for (const [name, etag] of before)
      expect({ name, etag: found.get(name)?.etag }).toEqual({ name, etag });
    for (const { blob, bytes, pages } of files) {
      if (blob === FOREIGN || pages !== undefined) continue;
      const name = blob.slice(CONTAINER.length + 1);
      expect({ name, md5: found.get(name)?.md5 }).toEqual({ name, md5: hash('md5', bytes, 'hex') });
    }
    expect((await drive.stored(FOREIGN)).toString()).toBe('somebody else’s');
    for (const { blob, bytes, pages } of files) {
      if (bytes.length < MIB) continue;
      const ranges = pages ?? [[0, bytes.length] as const];
      const stored = await drive.stored(blob);
      for (const [offset, length] of ranges) {
        const end = offset + length;
        expect(stored.subarray(offset, end).equals(bytes.subarray(offset, end))).toBe(true);
      }
    }
  },
  240_000 + KILLS * 60_000 + FILES * 20,
);
