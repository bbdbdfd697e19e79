import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StationError } from '../../../../src/errors.ts';
import { RESCUE_RETRIES } from '../../../../src/limits.ts';
import { wholeLog } from '../../../support/drive-logs.ts';
import { bytesOf, FileDrive, type FileSpec } from '../../../support/file-drive.ts';

/** Files with places that do not read: the others come first, and nothing is given up at once. */

const KIB = 1024;
const MIB = 1024 * KIB;
const PAGE = 4 * KIB;
/** At first sight, in a cluster, alone, and the retries. */
const TRIES = 3 + RESCUE_RETRIES;

const sick: FileSpec = { blob: 'pictures/a-sick.raw', bytes: bytesOf('sick', 9 * MIB + 77) };
const well: FileSpec = { blob: 'pictures/b-well.raw', bytes: bytesOf('well', 6 * MIB) };
const small: FileSpec = { blob: 'pictures/c-small.txt', bytes: bytesOf('small', 5000) };
const PLACE = 5 * MIB + 3 * PAGE;

let drive: FileDrive;
beforeEach(async () => {
  drive = await FileDrive.create();
  await drive.prepare([sick, well, small]);
});
afterEach(() => drive[Symbol.asyncDispose]());

/** A page of a file that fails so many times and then reads; gives how often it was met. */
function badPage(suffix: string, at: number, times = Number.POSITIVE_INFINITY) {
  const met = { reads: 0, order: [] as string[] };
  drive.faults = {
    onRead: (path, offset, length) => {
      met.order.push(path);
      const isMet = path.endsWith(suffix) && offset < at + PAGE && at < offset + length;
      if (!isMet || ++met.reads > times) return;
      throw new StationError('file-read-failed', 'EIO', { path, errno: 'EIO' });
    },
  };
  return met;
}

async function ranges() {
  const names = await drive.namesIn('waimportexport');
  const name = names.find((each) => each.endsWith('_verbose.xml'));
  const { blobs } = await wholeLog([await drive.stored(`waimportexport/${name}`)]);
  const list = blobs.find(({ blobPath }) => blobPath === sick.blob)?.ranges?.list ?? [];
  return list.map((range) => ('status' in range ? range.status : ''));
}

describe('a bad place in a file', () => {
  test('comes after all other files, costs its range alone, and is told to the byte', async () => {
    const met = badPage('a-sick.raw', PLACE);
    const { verdict } = await drive.copy();
    expect(verdict).toMatchObject({
      outcome: 'CompletedMoreInfo',
      copyStatus: 'CompletedWithErrors',
      safeToRemove: false,
      files: { completed: 2, withErrors: 1 },
    });
    expect(verdict.reasons[0]?.words).toContain(
      `1 of 3 ranges: IOFailed; bytes ${PLACE}-${PLACE + PAGE - 1} of the file cannot be read`,
    );
    expect(await ranges()).toEqual(['Committed', 'IOFailed', 'Committed']);
    expect(met.reads).toBeLessThanOrEqual(TRIES);
    const names = met.order.filter((path) => path.endsWith('.raw') || path.endsWith('.txt'));
    const lastOfOthers = names.findLastIndex((path) => !path.endsWith('a-sick.raw'));
    const putOff = names.findIndex((path) => path.endsWith('a-sick.raw'));
    expect(putOff).toBeLessThan(lastOfOthers);
    expect(names.slice(lastOfOthers + 1).length).toBeGreaterThan(0);
    expect(drive.messages.some(({ kind }) => kind === 'rescuing')).toBe(true);
  });

  test.each([1, 2, 3, 4])('that reads after %i failures is whole', async (times) => {
    badPage('a-sick.raw', PLACE, times);
    const { verdict } = await drive.copy();
    expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 3 } });
    expect((await drive.stored(sick.blob)).equals(sick.bytes)).toBe(true);
  });

  test('of a small file ends like one of a large file', async () => {
    badPage('c-small.txt', PAGE);
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 2, withErrors: 1 });
    expect(verdict.reasons[0]?.words).toContain('bytes 4096-4999 of the file cannot be read');
  });

  test('is met no more when the time for bad places is used up', async () => {
    const met = badPage('a-sick.raw', PLACE);
    const { verdict } = await drive.copy({ rescueMs: 0 });
    expect(verdict.files).toMatchObject({ completed: 2, withErrors: 1 });
    expect(met.reads).toBe(2);
  });

  test('does not make the station send again what the store holds of the file', async () => {
    badPage('a-sick.raw', PLACE, 2);
    let staged = 0;
    drive.wrap = (inner) =>
      new Proxy(inner, {
        get: (target, key) => {
          const value: unknown = Reflect.get(target, key);
          if (typeof value !== 'function') return value;
          if (key === 'stageBlock') staged++;
          return value.bind(target);
        },
      });
    const { verdict } = await drive.copy();
    expect(verdict.outcome).toBe('Completed');
    expect(staged).toBe(3 + 2);
    const progress = drive.messages.flatMap((message) =>
      message.kind === 'progress' ? [message.progress.stagedBytes] : [],
    );
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(Math.max(...progress)).toBe(verdict.plannedBytes);
  });

  test('in the manifest is tried again before the drive is refused', async () => {
    badPage('DriveManifest.xml', 0, 2);
    const { verdict } = await drive.copy();
    expect(verdict.outcome).toBe('Completed');
    badPage('DriveManifest.xml', 0);
    const refused = await drive.copy({ journalFile: `${drive.directory}/journals/other` });
    expect(refused.verdict).toMatchObject({
      copyStatus: 'ReadManifestFailed',
      reasons: [{ code: 'drive-refused' }, expect.anything()].slice(0, 1),
    });
  });
});

test('a file that does not read because the disk left stops the copy', async () => {
  badPage('a-sick.raw', PLACE);
  drive.proveStillThere = () => {
    const payload = { devicePath: '/dev/x', offsetBytes: 0 };
    return Promise.reject(new StationError('disk-gone', 'gone', payload));
  };
  await expect(drive.copy()).rejects.toMatchObject({ code: 'disk-gone' });
});

test('a killed attempt goes on with the files that were put off, and with no others', async () => {
  badPage('a-sick.raw', PLACE, 2);
  const stop = new AbortController();
  drive.onMessage = ({ kind }) => {
    if (kind === 'rescuing') stop.abort();
  };
  await expect(drive.copy({}, stop.signal)).rejects.toMatchObject({ code: 'cancelled' });
  drive.onMessage = () => undefined;
  const met = badPage('a-sick.raw', PLACE, 2);
  const { verdict } = await drive.copy();
  expect(verdict.outcome).toBe('Completed');
  const files = met.order.filter((path) => /\.(?:raw|txt)$/u.test(path));
  expect(files.every((path) => path.endsWith('a-sick.raw'))).toBe(true);
});
