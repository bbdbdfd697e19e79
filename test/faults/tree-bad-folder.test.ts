import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faultDisk, faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import {
  emptyImage,
  kernelHas,
  makeExfat,
  makeNtfs,
  volumesUnavailable,
} from '../../native-fixtures/volumes.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import { assignmentOf, runDriveCopy } from '../support/drive-copy.ts';
import { bad } from '../support/rescue.ts';
import { removeScratch, scratch } from '../support/volumes.ts';

/** Bad sectors in what a filesystem knows of its files: a sector holds many, and not all of them are lost. */

const MIB = 1024 * 1024;
const FILES = 300;
const SECTOR_BYTES = 512;
const nameOf = (index: number) =>
  `quite-a-long-name-of-a-customers-file-${String(index).padStart(4, '0')}.txt`;

const noDisk = faultDiskUnavailable();
const noExt =
  noDisk ??
  (await volumesUnavailable('mke2fs', 'debugfs')) ??
  ((await kernelHas('ext4')) ? undefined : 'no ext4 in this kernel');
const noExfat = noDisk ?? (await volumesUnavailable('mkfs.exfat', 'mount.exfat-fuse'));
const noNtfs = noDisk ?? (await volumesUnavailable('mkntfs', 'ntfs-3g'));

let directory: string;
beforeEach(async () => {
  directory = await scratch();
});
afterEach(() => removeScratch(directory));

async function fill(root: string): Promise<void> {
  const docs = join(root, 'docs');
  await mkdir(docs, { recursive: true });
  for (let index = 0; index < FILES; index++) {
    await writeFile(join(docs, nameOf(index)), `file ${index}`);
  }
}

/** An ext4 with a folder, and where in it the blocks of its list are. */
async function extImage(): Promise<{ readonly image: string; readonly blocks: readonly number[] }> {
  const image = join(directory, 'ext.img');
  await fill(join(directory, 'tree'));
  await emptyImage(image, 64 * MIB);
  const args = ['-q', '-t', 'ext4', '-b', '4096', '-O', '^dir_index', '-d'];
  execFileSync('mke2fs', [...args, join(directory, 'tree'), image]);
  const told = execFileSync('debugfs', ['-R', 'blocks /docs', image], { stdio: 'pipe' });
  return { image, blocks: told.toString().trim().split(/\s+/u).map(Number) };
}

async function verdictOn(image: string, sector: number): Promise<Verdict> {
  await using plugged = await faultDisk(image, { faults: [bad(sector, SECTOR_BYTES)] });
  const plan = { kind: 'tree', container: 'files', blobPrefix: '' } as const;
  const drive = { disk: plugged.disk, directory, driveId: 'SICK', prepared: {}, plan };
  const result = await runDriveCopy(await assignmentOf(drive));
  if (result.kind !== 'settled') throw new Error(result.failure.message);
  return result.verdict;
}

describe.skipIf(noExt !== undefined)('a bad sector in the list of a folder', () => {
  it('costs none of the names before it, and the folder is named', async () => {
    const { image, blocks } = await extImage();
    const bytes = await readFile(image);
    const good = blocks.slice(0, 3).map((at) => bytes.subarray(at * 4096, (at + 1) * 4096));
    const names = good.join('').split('quite-a-long-name').length - 1;
    const { files, reasons } = await verdictOn(image, (blocks[3] ?? 0) * 4096);
    expect(names).toBeGreaterThan(100);
    expect(files).toMatchObject({ planned: names + 1, completed: names, withErrors: 1 });
    expect(reasons.map(({ words }) => words)).toEqual([
      expect.stringContaining('\\docs is a folder whose list of names does not read to its end'),
    ]);
  });

  it('that is its first one is no empty folder', async () => {
    const { image, blocks } = await extImage();
    const { outcome, reasons } = await verdictOn(image, (blocks[0] ?? 0) * 4096);
    expect(outcome).toBe('CompletedMoreInfo');
    expect(reasons.map(({ words }) => words).join('\n')).toContain(
      '\\docs is a folder whose list of names does not read to its end',
    );
  });
});

describe.skipIf(noNtfs !== undefined)('a bad sector in a master file table', () => {
  it('costs the files of its page, and not those that were read ahead with it', async () => {
    const image = join(directory, 'ntfs.img');
    await makeNtfs(image, 64 * MIB, fill);
    const bytes = await readFile(image);
    const mark = Buffer.from(nameOf(100).slice(0, -4), 'utf16le');
    let record = bytes.indexOf('FILE0');
    while (record >= 0 && !bytes.subarray(record, record + 1024).includes(mark)) {
      record = bytes.indexOf('FILE0', record + 1);
    }
    const { files, reasons } = await verdictOn(image, record);
    expect(files?.planned).toBe(FILES);
    expect(files?.withErrors).toBeGreaterThan(0);
    expect(files?.withErrors).toBeLessThanOrEqual(4);
    expect(reasons.map(({ words }) => words).join('\n')).toContain(nameOf(100));
  });
});

describe.skipIf(noExfat !== undefined)('a bad sector in a folder of an exFAT', () => {
  it('leaves no file out without a word', async () => {
    const image = join(directory, 'exfat.img');
    await makeExfat(image, 64 * MIB, fill);
    const bytes = await readFile(image);
    const name = bytes.indexOf(Buffer.from('0200.tx', 'utf16le'));
    const { outcome, reasons } = await verdictOn(image, name - (name % SECTOR_BYTES));
    expect(outcome).toBe('CompletedMoreInfo');
    expect(reasons.map(({ words }) => words).join('\n')).toContain('\\docs');
  });
});
