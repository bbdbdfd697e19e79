import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type FaultDisk,
  faultDisk,
  faultDiskUnavailable,
} from '../../native-fixtures/fault-disk.ts';
import { makeNtfs, volumesUnavailable } from '../../native-fixtures/volumes.ts';
import { openContainer } from '../../src/blobs/open.ts';
import type { CopyResult } from '../../src/copy/copy-process.ts';
import type { FilesAssignment, FromCopy } from '../../src/copy/messages.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import { assignmentOf, runDriveCopy } from '../support/drive-copy.ts';
import { bytesOf } from '../support/file-drive.ts';
import { bad } from '../support/rescue.ts';
import { never, removeScratch, scratch } from '../support/volumes.ts';

/** Bad sectors under the files of a mounted NTFS: block layer, filesystem in user space and all. */

const MIB = 1024 * 1024;
const SICK = bytesOf('sick', 6 * MIB);
const WELL = bytesOf('well', 3 * MIB);
/** In the second of the two ranges of 4 MiB. */
const AT = 5 * MIB;
/** In the first: its first reader waits here, since the bad place has to be there before he is. */
const GATE_AT = 2 * MIB;

const unavailable =
  faultDiskUnavailable() ?? (await volumesUnavailable('ntfs-3g', 'mkntfs', 'python3'));
if (unavailable !== undefined) {
  process.stdout.write(`SKIPPED: bad sectors in files are not tested: ${unavailable}\n`);
}

let directory: string;
let image: string;
/** Where on the disk these places of the file are. */
let place: number;
let gate: number;
let faulty: FaultDisk | undefined;

describe.skipIf(unavailable !== undefined)('a bad sector', () => {
  beforeEach(async () => {
    directory = await scratch();
    image = join(directory, 'ntfs.img');
    await makeNtfs(image, 48 * MIB, async (root) => {
      await writeFile(join(root, 'sick.raw'), SICK);
      await writeFile(join(root, 'well.raw'), WELL);
    });
    const bytes = await readFile(image);
    const onDisk = (at: number) => bytes.indexOf(SICK.subarray(at, at + 512));
    [place, gate] = [onDisk(AT), onDisk(GATE_AT)];
    expect(Math.min(place, gate)).toBeGreaterThan(0);
  });
  afterEach(async () => {
    await faulty?.close();
    faulty = undefined;
    await removeScratch(directory);
  });

  async function plugged(): Promise<FilesAssignment> {
    const closed = { kind: 'hang', offsetBytes: gate, lengthBytes: 4096, maxSeconds: 60 } as const;
    faulty = await faultDisk(image, { faults: [closed] });
    const { disk } = faulty;
    const plan = { kind: 'tree', container: 'files', blobPrefix: '' } as const;
    return await assignmentOf({ disk, directory, driveId: 'SICK', prepared: {}, plan });
  }

  /** The bad place comes into being once the volume is open, so that only the file meets it. */
  async function copy(times: number | undefined, onMessage?: (message: FromCopy) => void) {
    const assignment = await plugged();
    let injected: Promise<void> | undefined;
    const result = await runDriveCopy(assignment, (message) => {
      if (message.kind === 'planned') injected = faulty?.replace([bad(place, 512, times)]);
      onMessage?.(message);
    });
    await injected;
    return { assignment, result };
  }

  async function stored({ storage }: FilesAssignment, name: string): Promise<Buffer> {
    const container = await openContainer(storage, 'files');
    return Buffer.concat(await Array.fromAsync(container.read(name as BlobName, never)));
  }

  const settled = (result: CopyResult) => {
    if (result.kind !== 'settled') throw new TypeError(JSON.stringify(result));
    return result.verdict;
  };

  it('in a file costs its range, and the log says which bytes', async () => {
    const { assignment, result } = await copy(undefined);
    const verdict = settled(result);
    expect(verdict).toMatchObject({
      outcome: 'CompletedMoreInfo',
      copyStatus: 'CompletedWithErrors',
      files: { completed: 1, withErrors: 1 },
      kernelWrites: 0,
    });
    expect(verdict.reasons[0]?.words).toContain(`bytes ${AT}-${AT + 4095} of the file`);
    expect((await stored(assignment, 'well.raw')).equals(WELL)).toBe(true);
    expect((await stored(assignment, 'sick.raw')).equals(SICK.subarray(0, 4 * MIB))).toBe(true);
  });

  it('that gives in makes no difference in the end', async () => {
    const { assignment, result } = await copy(3);
    expect(settled(result).outcome).toBe('Completed');
    expect((await stored(assignment, 'sick.raw')).equals(SICK)).toBe(true);
  });

  it.each(['io-error', 'clean-eof'] as const)(
    'is one thing and a pulled disk (%s) another, for the filesystem says EIO to both',
    async (kind) => {
      let pulled: Promise<unknown> | undefined;
      const { result } = await copy(undefined, (message) => {
        if (message.kind === 'rescuing') pulled ??= faulty?.disk.pull(kind);
      });
      expect(result).toMatchObject({ kind: 'failed', failure: { code: 'disk-gone' } });
      await pulled;
      await rm(join(directory, 'journals'), { recursive: true });
    },
  );
});
