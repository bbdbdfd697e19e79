import { beforeEach, describe, expect, it } from 'vitest';
import type { DiskKey } from '../../../src/domain/disk.ts';
import type { DriveId, DriveRef, JobId } from '../../../src/domain/job.ts';
import { StationError } from '../../../src/errors.ts';
import { HOLD_ALONE_MS, HOLD_RETRY_MS } from '../../../src/limits.ts';
import { Floor } from '../../../src/work/floor.ts';
import { StorageHolds, storageTroubleOf } from '../../../src/work/storage-holds.ts';

/** Drives that wait for their storage: who is tried when, and who is told what. */

const RETRY_MS = HOLD_RETRY_MS;
const DENIED = { kind: 'halted', code: 'storage-denied', reason: '403 expired' } as const;
const SINCE = '2026-01-01T00:00:00.000Z';
const AWAY = { kind: 'away', since: SINCE, reason: 'refuses connections' } as const;

let now: number;
let floor: Floor;
let queued: string[];
let marks: Map<string, string>;
let othersWait: boolean;
let holds: StorageHolds;

beforeEach(() => {
  now = 0;
  queued = [];
  marks = new Map();
  othersWait = false;
  floor = new Floor(() => now);
  holds = new StorageHolds(
    { firstRetryMs: RETRY_MS, placeMs: 60_000 },
    {
      floor,
      logger: { info: () => undefined },
      now: () => new Date(Date.UTC(2026, 0, 1) + now),
      monotonicMs: () => now,
      storageMark: (jobId) => Promise.resolve(marks.get(jobId) ?? 'as it was'),
      othersWait: () => Promise.resolve(othersWait),
      enqueue: async (ref) => void queued.push(ref.driveId),
      onChange: () => undefined,
    },
  );
});

function begin(driveId: string, jobId = 'job-1') {
  const ref: DriveRef = { jobId: jobId as JobId, driveId: driveId as DriveId };
  return floor.begin(ref, { disk: `disk-${driveId}` as DiskKey, bay: 'Bay 1', rotational: true });
}

/** What was queued since the last look. */
async function lookAt(ms: number): Promise<string[]> {
  now = ms;
  queued = [];
  await holds.look();
  return queued;
}

describe('drives that wait for their storage', () => {
  it('say what is wrong and what to do, and keep saying it while one tries', async () => {
    const item = begin('A');
    holds.hold(item, DENIED);
    expect(item.activity).toMatchObject({
      ...{ kind: 'halted', code: 'storage-denied', reason: '403 expired' },
      nextStep: expect.stringContaining('Renew it'),
    });
    expect(await lookAt(RETRY_MS)).toEqual(['A']);
    expect(holds.isHeld(item)).toBe(true);
    expect(holds.inTheWay(item)).toBeUndefined();
    holds.hold(item, DENIED);
    expect(item.activity).toMatchObject({ since: '2026-01-01T00:00:00.000Z' });
  });

  it('are tried one of a job at a time, and all go on when the store takes something', async () => {
    const [a, b, other] = [begin('A'), begin('B'), begin('C', 'job-2')];
    for (const item of [a, b, other]) holds.hold(item, DENIED);
    expect(await lookAt(RETRY_MS - 1)).toEqual([]);
    expect(await lookAt(RETRY_MS)).toEqual(['A', 'C']);
    expect(await lookAt(RETRY_MS + 1)).toEqual([]);
    holds.hold(a, DENIED);
    expect(await lookAt(RETRY_MS + 2)).toEqual([]);
    expect(await lookAt(2 * RETRY_MS + 1)).toEqual(['B']);
    queued = [];
    holds.works(b);
    expect(queued).toEqual(['A']);
    expect(holds.halts().map(({ jobId }) => jobId)).toEqual(['job-2']);
  });

  it('are tried in place of one that finds nothing out, because its disk hangs or makes room', async () => {
    const [a, b, c] = [begin('A'), begin('B'), begin('C')];
    for (const item of [a, b, c]) holds.hold(item, AWAY);
    expect(await lookAt(RETRY_MS)).toEqual(['A']);
    expect(await lookAt(2 * RETRY_MS - 1)).toEqual([]);
    expect(await lookAt(2 * RETRY_MS)).toEqual(['B']);
    using _place = holds.begin(b);
    holds.away(b, 'refuses connections');
    expect(await lookAt(4 * RETRY_MS)).toEqual([]);
  });

  it('each have their turn, so that what stops one drive alone stops no other', async () => {
    const [a, b] = [begin('A'), begin('B')];
    for (const item of [a, b]) holds.hold(item, AWAY);
    expect(await lookAt(RETRY_MS)).toEqual(['A']);
    using _place = holds.begin(a);
    holds.away(a, 'filtered');
    expect(await lookAt(RETRY_MS + HOLD_ALONE_MS - 1)).toEqual([]);
    expect(await lookAt(RETRY_MS + HOLD_ALONE_MS)).toEqual(['B']);
    holds.works(b);
    expect(holds.inTheWay(begin('C'))).toBeUndefined();
  });

  it('are tried at once when the job has another credential', async () => {
    holds.hold(begin('A'), DENIED);
    expect(await lookAt(1000)).toEqual([]);
    marks.set('job-1', 'renewed');
    expect(await lookAt(3000)).toEqual(['A']);
  });

  it('are tried again at once when the credential was renewed while one tried with the old one', async () => {
    const item = begin('A');
    holds.hold(item, DENIED);
    expect(await lookAt(RETRY_MS)).toEqual(['A']);
    marks.set('job-1', 'renewed');
    expect(await lookAt(RETRY_MS + 1000)).toEqual([]);
    holds.hold(item, DENIED);
    expect(await lookAt(RETRY_MS + 2000)).toEqual(['A']);
    holds.hold(item, DENIED);
    expect(await lookAt(RETRY_MS + 3000)).toEqual([]);
  });

  it('keep back those of their job that come later, and no others', () => {
    holds.hold(begin('A'), DENIED);
    expect(holds.inTheWay(begin('B'))).toEqual(DENIED);
    expect(holds.inTheWay(begin('C', 'job-2'))).toBeUndefined();
  });

  it('are forgotten with their work, and the next one of the job tries', async () => {
    const [a, b] = [begin('A'), begin('B')];
    for (const item of [a, b]) holds.hold(item, DENIED);
    floor.end(a);
    expect(await lookAt(RETRY_MS)).toEqual(['B']);
    floor.end(b);
    expect(await lookAt(3 * RETRY_MS)).toEqual([]);
    expect(holds.halts()).toEqual([]);
  });

  it('end when their copy was told to stop just when it was held', async () => {
    const item = begin('A');
    holds.hold(item, DENIED);
    item.stop.abort();
    expect(await lookAt(1)).toEqual([]);
    expect(floor.working.size).toBe(0);
    expect(holds.halts()).toEqual([]);
  });

  it('begin with making a container again that was deleted, before anybody is told', async () => {
    const item = begin('A');
    const gone = { kind: 'halted', code: 'container-missing', reason: '404' } as const;
    holds.hold(item, gone);
    expect(holds.halts()).toEqual([]);
    expect(await lookAt(1)).toEqual(['A']);
    holds.hold(item, gone);
    expect(holds.halts()).toMatchObject([{ jobId: 'job-1', code: 'container-missing' }]);
    expect(await lookAt(2)).toEqual([]);
  });
});

describe('a copy whose store is away', () => {
  it('keeps its place as long as nobody else could use it', async () => {
    const item = begin('A');
    using place = holds.begin(item);
    holds.away(item, AWAY.reason);
    await lookAt(10 * RETRY_MS);
    expect(place.signal.aborted).toBe(false);
    othersWait = true;
    await lookAt(10 * RETRY_MS + 1);
    expect(place.signal.aborted).toBe(true);
  });

  it('keeps it also when others wait, if the store is back soon', async () => {
    const item = begin('A');
    using place = holds.begin(item);
    othersWait = true;
    holds.away(item, AWAY.reason);
    await lookAt(30_000);
    holds.back(item);
    await lookAt(120_000);
    expect(place.signal.aborted).toBe(false);
  });

  it('says what the store says by now, and is away since it was at first', async () => {
    const [item, other] = [begin('A'), begin('B')];
    using place = holds.begin(item);
    holds.away(item, 'broke off');
    holds.hold(other, holds.inTheWay(other) ?? DENIED);
    othersWait = true;
    now = 45_000;
    holds.away(item, 'busy');
    for (const { activity } of [item, other]) {
      expect(activity).toEqual({ kind: 'waiting-for-storage', since: SINCE, reason: 'busy' });
    }
    expect(floor.outages).toEqual([
      { jobId: 'job-1', since: SINCE, reason: 'busy' },
      { jobId: 'job-1', since: SINCE, reason: 'busy' },
    ]);
    expect(holds.halts()).toMatchObject([{ since: SINCE, reason: 'busy' }]);
    expect(holds.inTheWay(begin('C'))).toEqual({ ...AWAY, reason: 'busy' });
    // Its place is not kept any longer for another word.
    await lookAt(60_000);
    expect(place.signal.aborted).toBe(true);
    expect(place.trouble).toEqual({ ...AWAY, reason: 'busy' });
  });

  it('changes no words of those that wait for a person or for another store', () => {
    const [item, denied, elsewhere] = [begin('A'), begin('B'), begin('C', 'job-2')];
    holds.hold(denied, DENIED);
    holds.hold(elsewhere, AWAY);
    using _place = holds.begin(item);
    holds.away(item, 'busy');
    expect(denied.activity).toMatchObject({ kind: 'halted', reason: DENIED.reason });
    expect(elsewhere.activity).toMatchObject({ reason: AWAY.reason });
  });

  it('gives it up at once when it had lost it before', async () => {
    const item = begin('A');
    holds.hold(item, AWAY);
    expect(await lookAt(RETRY_MS)).toEqual(['A']);
    using place = holds.begin(item);
    othersWait = true;
    holds.away(item, 'still refuses');
    await lookAt(RETRY_MS + 2000);
    expect(place.signal.aborted).toBe(true);
    // It is the same outage, however often it was tried in between.
    expect(place.trouble).toMatchObject({ kind: 'away', since: SINCE, reason: 'still refuses' });
    expect(item.activity).toMatchObject({ kind: 'waiting-for-storage', since: SINCE });
  });

  it('holds the others of its job back until the store answers', async () => {
    const [a, b] = [begin('A'), begin('B')];
    using _place = holds.begin(a);
    holds.away(a, AWAY.reason);
    const trouble = holds.inTheWay(b);
    expect(trouble).toEqual(AWAY);
    holds.hold(b, trouble ?? DENIED);
    expect(b.activity).toMatchObject({ kind: 'waiting-for-storage', reason: AWAY.reason });
    expect(holds.halts()).toMatchObject([{ code: 'storage-unavailable', jobId: 'job-1' }]);
    // It asks the store itself: an attempt of another one would find out nothing more.
    expect(await lookAt(HOLD_ALONE_MS - 1)).toEqual([]);
    holds.back(a);
    expect(queued).toEqual(['B']);
    expect(floor.outages).toEqual([]);
  });
});

it('a copy whose bytes alone do not get through keeps the others of its job back for minutes only', async () => {
  const [a, b, c] = [begin('A'), begin('B'), begin('C')];
  using _place = holds.begin(a);
  holds.away(a, 'filtered');
  holds.hold(b, holds.inTheWay(b) ?? DENIED);
  expect(await lookAt(HOLD_ALONE_MS)).toEqual(['B']);
  holds.works(b);
  holds.hold(c, holds.inTheWay(c) ?? DENIED);
  expect(await lookAt(HOLD_ALONE_MS + RETRY_MS)).toEqual(['C']);
});

it.each([
  ['storage-denied', true],
  ['account-disabled', true],
  ['storage-unusable', true],
  ['storage-clock-skew', true],
  ['container-missing', true],
  ['credential-missing', true],
  ['checksum-mismatch', true],
  ['storage-rejected', false],
  ['destination-exists', false],
  ['disk-gone', false],
  ['copy-process-ended', false],
])('%s is trouble of the storage: %s', (code, isTrouble) => {
  expect(storageTroubleOf(code, 'words') !== undefined).toBe(isTrouble);
});

it('a storage that cannot be told is another one when it can be told again', async () => {
  let broken = true;
  const strict = new StorageHolds(
    { firstRetryMs: RETRY_MS, placeMs: 60_000 },
    {
      floor,
      logger: { info: () => undefined },
      now: () => new Date(),
      monotonicMs: () => now,
      async storageMark() {
        if (!broken) return 'there';
        throw new StationError('credential-missing', 'no file', { storageAccount: 'a' });
      },
      othersWait: () => Promise.resolve(false),
      enqueue: async (ref) => void queued.push(ref.driveId),
      onChange: () => undefined,
    },
  );
  strict.hold(begin('A'), { kind: 'halted', code: 'credential-missing', reason: 'no file' });
  await strict.look();
  expect(queued).toEqual([]);
  broken = false;
  await strict.look();
  expect(queued).toEqual(['A']);
});
