import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faultDisk, faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import { emptyImage, kernelHas, volumesUnavailable } from '../../native-fixtures/volumes.ts';
import type { DiskFault } from '../../src/detect/identity-file.ts';
import { assignmentOf, logIn, runDriveCopy } from '../support/drive-copy.ts';
import { removeScratch, scratch } from '../support/volumes.ts';

/** A folder that does not hold together: the kernel gives what is left of it, and no error. */

const MIB = 1024 * 1024;
const PAGE = 4096;
const FILES = 300;

const unavailable =
  faultDiskUnavailable() ??
  (await volumesUnavailable('mke2fs', 'debugfs')) ??
  ((await kernelHas('ext4')) ? undefined : 'no ext4 in this kernel');
if (unavailable !== undefined) {
  process.stdout.write(`SKIPPED: damaged folders are not tested: ${unavailable}\n`);
}

let directory: string;
let image: string;

describe.skipIf(unavailable !== undefined)('a folder of an ext4', () => {
  beforeEach(async () => {
    directory = await scratch();
    image = join(directory, 'ext.img');
    const folder = join(directory, 'tree', 'docs');
    await mkdir(folder, { recursive: true });
    for (let n = 1000; n < 1000 + FILES; n++) {
      await writeFile(join(folder, `a-file-with-a-name-of-some-length-${n}.txt`), `${n}`);
    }
    await emptyImage(image, 64 * MIB);
    const tree = join(directory, 'tree');
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-b', String(PAGE), '-d', tree, image]);
  });
  afterEach(() => removeScratch(directory));

  async function copied(faults: readonly DiskFault[]) {
    await using plugged = await faultDisk(image, { faults });
    const { disk } = plugged;
    const plan = { kind: 'tree', container: 'files', blobPrefix: '' } as const;
    const drive = { disk, directory, driveId: 'SICK', prepared: {}, plan };
    const assignment = await assignmentOf(drive);
    const result = await runDriveCopy(assignment);
    if (result.kind !== 'settled') throw new TypeError(JSON.stringify(result));
    return { verdict: result.verdict, log: await logIn(assignment.storage, 'error') };
  }

  function lastPage(): number {
    const list = execFileSync('debugfs', ['-R', 'blocks /docs', image], { stdio: 'pipe' });
    return Number(list.toString().trim().split(/\s+/u).at(-1)) * PAGE;
  }

  it('with a page of rubbish is told, and the drive is not Completed without its files', async () => {
    const { verdict, log } = await copied([
      { kind: 'corrupt', offsetBytes: lastPage(), lengthBytes: PAGE },
    ]);
    expect(verdict.files?.completed).toBeLessThan(FILES);
    expect(verdict).toMatchObject({ outcome: 'CompletedMoreInfo', safeToRemove: false });
    expect(verdict.reasons).toMatchObject([
      { code: 'file-failed', words: expect.stringContaining('\\docs is a folder') },
      { code: 'filesystem-damaged', words: expect.stringContaining('that nobody names') },
    ]);
    expect(log).toMatchObject({ status: 'CompletedWithErrors' });
  });

  it('that holds together says nothing', async () => {
    const { verdict } = await copied([]);
    expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: FILES } });
  });
});
