import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type FaultDisk,
  faultDisk,
  faultDiskUnavailable,
} from '../../native-fixtures/fault-disk.ts';
import { emptyImage, kernelHas, volumesUnavailable } from '../../native-fixtures/volumes.ts';
import { openContainer } from '../../src/blobs/open.ts';
import type { CopyResult } from '../../src/copy/copy-process.ts';
import type { FromCopy } from '../../src/copy/messages.ts';
import type { DiskFault } from '../../src/detect/identity-file.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import { assignmentOf, runDriveCopy } from '../support/drive-copy.ts';
import { bytesOf, never } from '../support/file-drive.ts';
import { bad, sha256 } from '../support/rescue.ts';
import { removeScratch, scratch } from '../support/volumes.ts';

/** Files of which nothing was promised: a disk that lies, and another disk in the place of the first. */

const MIB = 1024 * 1024;
const NAMES = ['a.raw', 'b.raw', 'c.raw', 'd.raw', 'e.raw', 'f.raw'];
const SIZE = 6 * MIB;
const SAME = '11111111-2222-3333-4444-555555555555';
const CHANGED = { kind: 'failed', failure: { code: 'disk-content-changed' } };

const unavailable =
  faultDiskUnavailable() ??
  (await volumesUnavailable('mke2fs')) ??
  ((await kernelHas('ext4')) ? undefined : 'no ext4 in this kernel');

let directory: string;

/** An ext4 whose folder lists the same names in the same order, whatever is in the files. */
async function imageOf(seed: string): Promise<string> {
  const tree = join(directory, `tree-${seed}`);
  await mkdir(tree);
  const then = new Date('2024-05-06T07:08:09Z');
  for (const name of NAMES) {
    await writeFile(join(tree, name), bytesOf(`${seed} ${name}`, SIZE));
    await utimes(join(tree, name), then, then);
  }
  const image = join(directory, `${seed}.img`);
  await emptyImage(image, 96 * MIB);
  const same = ['-U', SAME, '-E', `hash_seed=${SAME}`];
  const args = ['-q', '-t', 'ext4', '-b', '4096', ...same, '-d', tree, image];
  // Nothing but the content of the files is to tell two of them apart.
  const env = { ...process.env, E2FSPROGS_FAKE_TIME: '1714979229' };
  execFileSync('mke2fs', args, { env });
  await rm(tree, { recursive: true });
  return image;
}

async function copied(
  plugged: FaultDisk,
  onMessage: (message: FromCopy) => void = () => undefined,
): Promise<CopyResult> {
  const plan = { kind: 'tree', container: 'files', blobPrefix: '' } as const;
  const drive = { disk: plugged.disk, directory, driveId: 'SICK', prepared: {}, plan };
  return await runDriveCopy(await assignmentOf(drive), onMessage);
}

/** The digest of each blob. */
async function stored(): Promise<Map<string, string>> {
  const account = { kind: 'directory', directory: join(directory, 'store') } as const;
  const container = await openContainer(account, 'files');
  const { items } = await container.listBlobs({ prefix: '' }, never);
  const found = new Map<string, string>();
  for (const { name } of items) {
    const pieces = await Array.fromAsync(container.read(name as BlobName, never));
    found.set(name, sha256(Buffer.concat(pieces)));
  }
  return found;
}

const first = new Map(NAMES.map((name) => [name, sha256(bytesOf(`first ${name}`, SIZE))]));

describe.skipIf(unavailable !== undefined)('a tree', () => {
  beforeEach(async () => {
    directory = await scratch();
  });
  afterEach(() => removeScratch(directory));

  it('of a disk that returns rubbish after an error is not Completed', async () => {
    const image = await imageOf('first');
    const bytes = await readFile(image);
    const place = (name: string, at: number) =>
      bytes.indexOf(bytesOf(`first ${name}`, SIZE).subarray(at, at + 512));
    const sick = bad(place('b.raw', 2 * MIB), 512, 2);
    // Behind the bad sector, in the same file.
    const gate: DiskFault = {
      ...{ kind: 'hang', offsetBytes: place('b.raw', 3 * MIB), lengthBytes: 4096, maxSeconds: 60 },
    };
    const from = Math.min(...NAMES.map((name) => place(name, 0)));
    const to = Math.max(...NAMES.map((name) => place(name, SIZE - 512))) + 512;
    await using plugged = await faultDisk(image, { faults: [sick, gate] });
    const copy = copied(plugged);
    while ((await plugged.counters()).hanging === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const rubbish = { kind: 'corrupt', offsetBytes: from, lengthBytes: to - from } as const;
    await plugged.replace([sick, rubbish]);
    expect(await copy).toMatchObject(CHANGED);
    for (const [name, digest] of await stored())
      expect([name, digest]).toEqual([name, first.get(name)]);
    await plugged.replace([]);
    expect(await copied(plugged)).toMatchObject({ verdict: { outcome: 'Completed' } });
    expect(await stored()).toEqual(first);
  });

  it('of a disk that told rubbish unseen until it left is right in the end', async () => {
    const image = await imageOf('first');
    const bytes = await readFile(image);
    const place = (name: string, at: number) =>
      bytes.indexOf(bytesOf(`first ${name}`, SIZE).subarray(at, at + 512));
    const gate: DiskFault = {
      ...{ kind: 'hang', offsetBytes: place('b.raw', 3 * MIB), lengthBytes: 4096, maxSeconds: 60 },
    };
    const from = Math.min(...NAMES.map((name) => place(name, 0)));
    const to = Math.max(...NAMES.map((name) => place(name, SIZE - 512))) + 512;
    const rubbish = { kind: 'corrupt', offsetBytes: from, lengthBytes: to - from } as const;
    {
      await using plugged = await faultDisk(image, { faults: [gate] });
      let pull: Promise<unknown> | undefined;
      const copy = copied(plugged, (message) => {
        const isMost = message.kind === 'progress' && message.progress.verifiedBytes >= 4 * SIZE;
        if (isMost) pull ??= plugged.disk.pull('io-error');
      });
      while ((await plugged.counters()).hanging === 0) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await plugged.replace([rubbish]);
      expect(await copy).toMatchObject({ kind: 'failed' });
      await pull;
    }
    expect([...(await stored())].some(([name, digest]) => digest !== first.get(name))).toBe(true);
    await using cured = await faultDisk(image);
    expect(await copied(cured)).toMatchObject({ verdict: { outcome: 'Completed' } });
    expect(await stored()).toEqual(first);
  });

  it('that goes on from another disk with the same list of files is found out', async () => {
    const [image, other] = [await imageOf('first'), await imageOf('other')];
    const pulled = await faultDisk(image);
    let pull: Promise<unknown> | undefined;
    const before = await copied(pulled, (message) => {
      const isHalf = message.kind === 'progress' && message.progress.stagedBytes >= 2 * SIZE;
      if (isHalf) pull ??= pulled.disk.pull('io-error');
    });
    await pull;
    await pulled.close();
    expect(before.kind).toBe('failed');
    const fromFirst = await stored();
    {
      await using wrong = await faultDisk(other);
      expect(await copied(wrong)).toMatchObject(CHANGED);
      expect(await stored()).toEqual(fromFirst);
    }
    await using right = await faultDisk(image);
    expect(await copied(right)).toMatchObject({ verdict: { outcome: 'Completed' } });
    expect(await stored()).toEqual(first);
  });
});
