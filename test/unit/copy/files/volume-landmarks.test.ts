import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { landmarksFile, type VolumeLandmark } from '../../../../src/copy/files/landmarks-file.ts';
import { VolumeLandmarks } from '../../../../src/copy/files/volume-landmarks.ts';
import { LANDMARK_BYTES } from '../../../../src/copy/landmarks.ts';
import { noteAsked } from '../../../../src/copy/stranger.ts';
import { StationError } from '../../../../src/errors.ts';
import { LANDMARKS_IN_TURN, UNPROVED_FILES_MAX, VOLUME_LANDMARKS } from '../../../../src/limits.ts';
import { bytesOf, FileDrive, type FileSpec } from '../../../support/file-drive.ts';
import { seededRandom } from '../../../support/random.ts';
import { counting, dyingAt, dyingBefore } from '../../../support/wrapped-container.ts';

/** Whether the disk below the files is what it was, and still tells what it has. */

const MIB = 1024 * 1024;
const first: FileSpec = { blob: 'files/a.raw', bytes: bytesOf('a', 9 * MIB) };
const second: FileSpec = { blob: 'files/b.raw', bytes: bytesOf('b', 5000) };
const tree = { kind: 'tree', container: 'tree', blobPrefix: '' } as const;
const changed = { code: 'disk-content-changed' };
const rubbish = Buffer.alloc(LANDMARK_BYTES, 0xff);

let drive: FileDrive;
beforeEach(async () => {
  drive = await FileDrive.create();
  for (const { blob, bytes } of [first, second]) await drive.write(blob, bytes);
});
afterEach(() => drive[Symbol.asyncDispose]());

const readFailed = (path: string) =>
  new StationError('file-read-failed', 'EIO', { path, errno: 'EIO' });
const unreadable = (offsetBytes: number) =>
  new StationError('disk-read-failed', 'EIO', {
    ...{ devicePath: '/dev/x', offsetBytes, lengthBytes: LANDMARK_BYTES, errno: 'EIO' },
  });

/** What the reads of a disk meet, and where. */
function disk(placeAt: (offsetBytes: number) => Buffer) {
  const reads: number[] = [];
  const readLandmark = async (offsetBytes: number) => {
    reads.push(offsetBytes);
    return placeAt(offsetBytes);
  };
  return { reads, devicePath: '/dev/x', readLandmark };
}

const order = () => drive.assignment();
const volume = { offsetBytes: MIB + 512, lengthBytes: 64 * MIB };
const full = (offsetBytes: number) => bytesOf(`disk ${offsetBytes}`, LANDMARK_BYTES);

describe('the landmarks of a disk', () => {
  test('are whole places inside the volume, of which each says something', async () => {
    const half = disk((at) => (at % (2 * LANDMARK_BYTES) === 0 ? full(at) : Buffer.alloc(4096)));
    const known = await VolumeLandmarks.proved(order(), half);
    await known.choose(volume, seededRandom(7));
    half.reads.length = 0;
    await known.prove();
    expect(half.reads).toHaveLength(VOLUME_LANDMARKS);
    for (const at of half.reads) {
      expect(at % (2 * LANDMARK_BYTES)).toBe(0);
      expect(at).toBeGreaterThanOrEqual(volume.offsetBytes);
      expect(at + LANDMARK_BYTES).toBeLessThanOrEqual(volume.offsetBytes + volume.lengthBytes);
    }
  });

  test('say nothing of the copy but its number', async () => {
    const known = await VolumeLandmarks.proved(order(), disk(full));
    await known.choose(volume, seededRandom(7));
    const file = landmarksFile(order().journalFile);
    expect(Object.keys(JSON.parse(await readFile(file, 'utf8')))).toEqual([
      'nonce',
      'landmarks',
      'isSecond',
    ]);
  });

  test('outlive the attempt, and another disk is told from the first by any of them', async () => {
    const known = await VolumeLandmarks.proved(order(), disk(full));
    await known.choose(volume, seededRandom(7));
    const again = disk(full);
    await VolumeLandmarks.proved(order(), again);
    expect(again.reads).toHaveLength(VOLUME_LANDMARKS);
    for (const other of again.reads) {
      const twin = disk((at) => (at === other ? rubbish : full(at)));
      await expect(VolumeLandmarks.proved(order(), twin)).rejects.toMatchObject(changed);
    }
  });

  test('of another copy, or damaged, are none', async () => {
    const known = await VolumeLandmarks.proved(order(), disk(full));
    await known.choose(volume, seededRandom(7));
    const other = disk(full);
    await VolumeLandmarks.proved({ ...order(), nonce: 'ffffffffffffffff' }, other);
    await writeFile(landmarksFile(order().journalFile), '{"nonce":');
    await VolumeLandmarks.proved(order(), other);
    expect(other.reads).toEqual([]);
  });

  test('prove nothing where they do not read, unless none of them does', async () => {
    const known = await VolumeLandmarks.proved(order(), disk(full));
    await known.choose(volume, seededRandom(7));
    const worn = disk((at) => {
      if (worn.reads.length < VOLUME_LANDMARKS) throw unreadable(at);
      return full(at);
    });
    const left = await VolumeLandmarks.proved(order(), worn);
    worn.reads.length = 0;
    worn.reads.push(...Array.from({ length: VOLUME_LANDMARKS }, () => 0));
    await left.prove();
    expect(worn.reads).toHaveLength(VOLUME_LANDMARKS + 1);
    const dead = disk((at) => {
      throw unreadable(at);
    });
    const proof = VolumeLandmarks.proved(order(), dead);
    await expect(proof).rejects.toMatchObject({ code: 'disk-read-failed' });
  });

  test('are blank ones where the disk has no others, and some in any case', async () => {
    const blank = disk(() => Buffer.alloc(LANDMARK_BYTES));
    const known = await VolumeLandmarks.proved(order(), blank);
    await known.choose(volume, seededRandom(7));
    expect(known.id).not.toBe('');
    blank.readLandmark = async () => rubbish;
    await expect(known.prove()).rejects.toMatchObject(changed);
    const dead = disk((at) => {
      throw unreadable(at);
    });
    const none = await VolumeLandmarks.proved({ ...order(), nonce: 'ffffffffffffffff' }, dead);
    const choice = none.choose(volume, seededRandom(7));
    await expect(choice).rejects.toMatchObject({ code: 'disk-read-failed' });
  });

  test('are asked for until one reads, so that no check is of nothing', async () => {
    const one = disk(full);
    const known = await VolumeLandmarks.proved(order(), one);
    await known.choose(volume, seededRandom(7));
    one.reads.length = 0;
    known.doubt();
    await known.cleared();
    const [last = 0] = one.reads.slice(-1);
    one.readLandmark = async (at) => {
      if (at !== last) throw unreadable(at);
      return rubbish;
    };
    await expect(known.cleared()).rejects.toMatchObject(changed);
  });

  test('are read again once for all who wait, and not while nothing failed', async () => {
    const one = disk(full);
    const known = await VolumeLandmarks.proved(order(), one);
    await known.choose(volume, seededRandom(7));
    one.reads.length = 0;
    await known.cleared();
    expect(one.reads).toEqual([]);
    known.doubt();
    await Promise.all(Array.from({ length: 10 }, () => known.cleared()));
    expect(one.reads).toHaveLength(VOLUME_LANDMARKS);
    for (let checks = 0; checks < VOLUME_LANDMARKS / LANDMARKS_IN_TURN; checks++) {
      await known.cleared();
    }
    expect(one.reads).toHaveLength(2 * VOLUME_LANDMARKS);
    expect(new Set(one.reads.slice(VOLUME_LANDMARKS)).size).toBe(VOLUME_LANDMARKS);
  });
});

describe('the landmarks of a disk that reads without an error', () => {
  async function known() {
    const one = disk(full);
    const landmarks = await VolumeLandmarks.proved(order(), one);
    await landmarks.choose(volume, seededRandom(7));
    one.reads.length = 0;
    return { one, landmarks };
  }

  test.each([
    { what: 'bytes', endings: [1, UNPROVED_FILES_MAX.bytes - 1] },
    { what: 'files', endings: Array.from({ length: UNPROVED_FILES_MAX.files }, () => 0) },
  ])('are all read again after so many $what, and no sooner', async ({ endings }) => {
    const { one, landmarks } = await known();
    for (let times = 1; times <= 2; times++) {
      for (const lengthBytes of endings.slice(1)) await landmarks.ended(lengthBytes);
      expect(one.reads).toHaveLength((times - 1) * VOLUME_LANDMARKS);
      await landmarks.ended(endings[0] ?? 0);
      expect(one.reads).toHaveLength(times * VOLUME_LANDMARKS);
    }
    await landmarks.cleared();
    expect(one.reads).toHaveLength(2 * VOLUME_LANDMARKS);
  });

  test('vouch for what was there when they began to be read, and only when they agree', async () => {
    const { one, landmarks } = await known();
    const told: string[] = [];
    landmarks.onProving = () => {
      told.push(`begun after ${one.reads.length} reads`);
      return async () => void told.push(`proved after ${one.reads.length}`);
    };
    await landmarks.vouch();
    expect(told).toEqual(['begun after 0 reads', `proved after ${VOLUME_LANDMARKS}`]);
    one.readLandmark = async () => rubbish;
    await expect(landmarks.vouch()).rejects.toMatchObject(changed);
    expect(told).toHaveLength(3);
  });
});

describe('a disk that does not hold what its copy began with', () => {
  /** By its number among all attachments. */
  const copied = (diskseq: number) =>
    drive.copy({ plan: tree, disk: { ...order().disk, diskseq } });
  const asked = () => noteAsked(order().journalFile);

  /** What it tells at first is rubbish, of files and landmarks, and it is cured then. */
  async function lyingAtFirst(): Promise<void> {
    for (const { blob, bytes } of [first, second]) {
      await drive.write(blob, bytesOf('rubbish', bytes.length));
    }
    drive.placeAt = (at) => bytesOf(`rubbish ${at}`, LANDMARK_BYTES);
    drive.onMessage = (message) => {
      if (message.kind === 'phase' && message.phase === 'settling') throw new Error('it left');
    };
    await expect(copied(1)).rejects.toThrow('it left');
    drive.onMessage = () => undefined;
    for (const { blob, bytes } of [first, second]) await drive.write(blob, bytes);
    drive.placeAt = full;
  }

  test('is read anew when a person says so who plugged it in again, and the verdict tells', async () => {
    await lyingAtFirst();
    for (const diskseq of [2, 3]) await expect(copied(diskseq)).rejects.toMatchObject(changed);
    await asked();
    await expect(copied(3)).rejects.toMatchObject(changed);
    drive.wrap = dyingBefore('commit');
    await expect(copied(4)).rejects.toMatchObject({ code: 'internal-error' });
    drive.wrap = (container) => container;
    const { verdict } = await copied(5);
    expect(verdict).toMatchObject({
      outcome: 'CompletedMoreInfo',
      files: { completed: 2, renamed: 0 },
      reasons: [{ code: 'disk-confirmed' }],
    });
    expect(await drive.namesIn('tree')).toEqual([first.blob, second.blob]);
    for (const { blob, bytes } of [first, second]) {
      expect((await drive.stored(`tree/${blob}`)).equals(bytes)).toBe(true);
    }
  });

  test('is asked about again when it reads otherwise than when a person was asked', async () => {
    await lyingAtFirst();
    await expect(copied(2)).rejects.toMatchObject(changed);
    await asked();
    drive.placeAt = (at) => bytesOf(`twin ${at}`, LANDMARK_BYTES);
    for (const diskseq of [3, 4]) await expect(copied(diskseq)).rejects.toMatchObject(changed);
  });

  test('is confirmed though not the same places of it read each time', async () => {
    await lyingAtFirst();
    const flickering = (isOut: (place: number) => boolean) => {
      const places: number[] = [];
      drive.placeAt = (at) => {
        if (!places.includes(at)) places.push(at);
        if (isOut(places.indexOf(at))) throw unreadable(at);
        return full(at);
      };
    };
    flickering((place) => place === 1);
    await expect(copied(2)).rejects.toMatchObject(changed);
    await asked();
    flickering((place) => place === 2);
    const { verdict } = await copied(3);
    expect(verdict).toMatchObject({ reasons: [{ code: 'disk-confirmed' }] });
  });

  test('is asked about again when nothing that read before reads now', async () => {
    await lyingAtFirst();
    await expect(copied(2)).rejects.toMatchObject(changed);
    await asked();
    drive.placeAt = (at) => {
      throw unreadable(at);
    };
    await expect(copied(3)).rejects.toMatchObject({ code: 'disk-read-failed' });
  });

  test('is asked about again when the first disk was back since', async () => {
    const dies = dyingBefore('put');
    drive.wrap = dies;
    await expect(copied(1)).rejects.toMatchObject({ code: 'internal-error' });
    drive.placeAt = (at) => bytesOf(`twin ${at}`, LANDMARK_BYTES);
    await expect(copied(2)).rejects.toMatchObject(changed);
    await asked();
    drive.placeAt = full;
    await expect(copied(3)).rejects.toMatchObject({ code: 'internal-error' });
    drive.placeAt = (at) => bytesOf(`twin ${at}`, LANDMARK_BYTES);
    await expect(copied(4)).rejects.toMatchObject(changed);
  });

  test('because none of it reads any more is read anew as well', async () => {
    drive.wrap = dyingBefore('put');
    await expect(copied(1)).rejects.toMatchObject({ code: 'internal-error' });
    drive.wrap = (container) => container;
    const file = landmarksFile(order().journalFile);
    const { landmarks } = JSON.parse(await readFile(file, 'utf8'));
    const lost = new Set(landmarks.map(({ offsetBytes }: VolumeLandmark) => offsetBytes));
    drive.placeAt = (at) => {
      if (lost.has(at)) throw unreadable(at);
      return full(at);
    };
    await expect(copied(2)).rejects.toMatchObject({ code: 'disk-read-failed' });
    await asked();
    const { verdict } = await copied(3);
    expect(verdict).toMatchObject({ outcome: 'CompletedMoreInfo', files: { completed: 2 } });
  });
});

describe('a tree', () => {
  /** Whether all files have. */
  const hasEnded = () =>
    drive.messages.some((message) => message.kind === 'phase' && message.phase === 'settling');
  /** The files that are read from now on. */
  function readsOf(): string[] {
    const reads: string[] = [];
    drive.faults = { onRead: (path) => void reads.push(path) };
    return reads;
  }

  test('of a disk that tells rubbish after an error gives the store nothing more', async () => {
    let isSick = false;
    drive.placeAt = (at) => (isSick ? rubbish : full(at));
    drive.faults = {
      onRead: (path, offset) => {
        if (isSick || !path.endsWith('a.raw') || offset < 4 * MIB) return;
        isSick = true;
        throw readFailed(path);
      },
    };
    await expect(drive.copy({ plan: tree })).rejects.toMatchObject(changed);
    isSick = false;
    drive.placeAt = full;
    drive.faults = {};
    const { verdict } = await drive.copy({ plan: tree });
    expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 2 } });
    for (const { blob, bytes } of [first, second]) {
      expect((await drive.stored(`tree/${blob}`)).equals(bytes)).toBe(true);
    }
  });

  test('of a disk that tells rubbish after an error that a second look mended is found out', async () => {
    drive.faults = {
      onWalk: (entries, onBadRead) => {
        onBadRead();
        return entries;
      },
      onRead: () => {
        drive.placeAt = () => rubbish;
      },
    };
    await expect(drive.copy({ plan: tree })).rejects.toMatchObject(changed);
    expect(await drive.namesIn('tree')).toEqual([]);
  });

  test('is not Completed when the disk tells rubbish in the end, though no read has failed', async () => {
    drive.onMessage = (message) => {
      if (message.kind === 'phase' && message.phase === 'settling') drive.placeAt = () => rubbish;
    };
    await expect(drive.copy({ plan: tree })).rejects.toMatchObject(changed);
  });

  test('that was read as rubbish without an error is read and written again, under its own names', async () => {
    for (const { blob, bytes } of [first, second]) {
      await drive.write(blob, bytesOf('rubbish', bytes.length));
    }
    drive.onMessage = (message) => {
      if (message.kind === 'phase' && message.phase === 'settling') drive.placeAt = () => rubbish;
    };
    await expect(drive.copy({ plan: tree })).rejects.toMatchObject(changed);
    drive.onMessage = () => undefined;
    drive.placeAt = full;
    for (const { blob, bytes } of [first, second]) await drive.write(blob, bytes);
    drive.wrap = dyingBefore('commit');
    await expect(drive.copy({ plan: tree })).rejects.toMatchObject({ code: 'internal-error' });
    drive.wrap = (container) => container;
    const { verdict } = await drive.copy({ plan: tree });
    expect(verdict.files).toMatchObject({ completed: 2, renamed: 0, withErrors: 0 });
    expect(await drive.namesIn('tree')).toEqual([first.blob, second.blob]);
    for (const { blob, bytes } of [first, second]) {
      expect((await drive.stored(`tree/${blob}`)).equals(bytes)).toBe(true);
    }
  });

  test('that was read as rubbish and left before anybody noticed is read and written again', async () => {
    for (const { blob, bytes } of [first, second]) {
      await drive.write(blob, bytesOf('rubbish', bytes.length));
    }
    drive.onMessage = ({ kind }) => {
      if (kind === 'phase' && hasEnded()) throw new Error('the disk left');
    };
    await expect(drive.copy({ plan: tree })).rejects.toThrow('the disk left');
    drive.onMessage = () => undefined;
    for (const { blob, bytes } of [first, second]) await drive.write(blob, bytes);
    const { verdict } = await drive.copy({ plan: tree });
    expect(verdict.files).toMatchObject({ completed: 2, renamed: 0, withErrors: 0 });
    expect(await drive.namesIn('tree')).toEqual([first.blob, second.blob]);
    for (const { blob, bytes } of [first, second]) {
      expect((await drive.stored(`tree/${blob}`)).equals(bytes)).toBe(true);
    }
  });

  test('that left is read again, and nothing of it is sent again', async () => {
    drive.onMessage = ({ kind }) => {
      if (kind === 'phase' && hasEnded()) throw new Error('the disk left');
    };
    await expect(drive.copy({ plan: tree })).rejects.toThrow('the disk left');
    drive.onMessage = () => undefined;
    const [puts, blocks] = [{ calls: 0 }, { calls: 0 }];
    drive.wrap = (inner) => counting('put', puts)(counting('stageBlock', blocks)(inner));
    const reads = readsOf();
    const { verdict } = await drive.copy({ plan: tree });
    expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 2, renamed: 0 } });
    expect(new Set(reads)).toHaveLength(2);
    expect([puts.calls, blocks.calls]).toEqual([0, 0]);
  });

  test('that was stopped is not read again', async () => {
    const stop = new AbortController();
    drive.onMessage = ({ kind }) => {
      if (kind === 'phase' && hasEnded()) stop.abort();
    };
    const stopped = drive.copy({ plan: tree }, stop.signal);
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    const reads = readsOf();
    expect((await drive.copy({ plan: tree })).verdict).toMatchObject({ outcome: 'Completed' });
    expect(reads).toEqual([]);
  });

  test('whose file reads otherwise than its first blocks did is no mixture', async () => {
    drive.wrap = dyingAt('stageBlock', 2);
    await expect(drive.copy({ plan: tree })).rejects.toMatchObject({ code: 'internal-error' });
    drive.wrap = (container) => container;
    const other = bytesOf('other', first.bytes.length);
    await drive.write(first.blob, other);
    const { verdict } = await drive.copy({ plan: tree });
    expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 2, renamed: 0 } });
    expect((await drive.stored(`tree/${first.blob}`)).equals(other)).toBe(true);
  });

  test('whose file reads otherwise than while the disk was proved is asked about once', async () => {
    const stop = new AbortController();
    drive.onMessage = (message) => {
      if (message.kind === 'progress' && message.progress.stagedBytes >= 4 * MIB) stop.abort();
    };
    const stopped = drive.copy({ plan: tree }, stop.signal);
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    drive.onMessage = () => undefined;
    const other = bytesOf('other', first.bytes.length);
    await drive.write(first.blob, other);
    await expect(drive.copy({ plan: tree })).rejects.toMatchObject(changed);
    const { verdict } = await drive.copy({ plan: tree });
    expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 2, renamed: 0 } });
    expect((await drive.stored(`tree/${first.blob}`)).equals(other)).toBe(true);
  });

  test.each([
    { what: 'that sleeps is stopped at once', stopsAt: 'reconciled', checks: 0 },
    { what: 'whose files read just now is checked when it stops', stopsAt: 'progress', checks: 1 },
  ])('of a disk $what', async ({ stopsAt, checks }) => {
    const stop = new AbortController();
    const reads: number[] = [];
    drive.onMessage = (message) => {
      if (message.kind !== stopsAt || stop.signal.aborted) return;
      if (message.kind === 'progress' && message.progress.stagedBytes < 4 * MIB) return;
      drive.mayBeAsleep = true;
      drive.placeAt = (at) => {
        reads.push(at);
        return full(at);
      };
      stop.abort();
    };
    const stopped = drive.copy({ plan: tree }, stop.signal);
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    expect(reads).toHaveLength(checks * VOLUME_LANDMARKS);
  });

  test('does not go on from a disk with other bytes and the same files', async () => {
    drive.onMessage = ({ kind }) => {
      if (kind === 'reconciled') throw new Error('the power went');
    };
    await expect(drive.copy({ plan: tree })).rejects.toThrow('the power went');
    drive.onMessage = () => undefined;
    drive.placeAt = (at) => bytesOf(`twin ${at}`, LANDMARK_BYTES);
    await expect(drive.copy({ plan: tree })).rejects.toMatchObject(changed);
    expect(await drive.namesIn('tree')).toEqual([]);
  });

  test('is told to have no hashes of its own', async () => {
    const { verdict } = await drive.copy({ plan: tree });
    expect(verdict.reasons[0]?.words).toContain('no hash came with the drive');
  });
});
