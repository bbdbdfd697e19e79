import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StorageHalt } from '../../../src/domain/alert.ts';
import type { BridgeId } from '../../../src/domain/disk.ts';
import type { JobId } from '../../../src/domain/job.ts';
import type { Whereabouts } from '../../../src/work/floor.ts';
import { operatorActions } from '../../../src/work/operator-actions.ts';
import { DAY_MS } from '../../support/clock.ts';
import { BOUND_DISK } from '../../support/ledger.ts';
import { NOTHING_PLUGGED_IN } from '../../support/operators.ts';
import { refOf, Years } from '../../support/years.ts';

/** What the life cycle tells operators of the station itself: its processes, stores, clock and docks. */

let years: Years;
beforeEach(async () => {
  years = await Years.begin();
});
afterEach(() => years[Symbol.asyncDispose]());

describe('processes that hang in the kernel', () => {
  const since = '2026-01-01T00:00:00.000Z';
  const openAlerts = async () =>
    (await years.ledger.alerts.list('open')).map(({ reason }) => reason);

  it('are no alert while it is one disk alone, one alert when there are more, and over with them', async () => {
    years.stuck = [{ pid: 41, what: 'copy', bay: 'Bay 1', since }];
    await years.settle();
    expect(await openAlerts()).toEqual([]);
    years.stuck = [...years.stuck, { pid: 57, what: 'smartctl', bay: null, since }];
    await years.settle();
    const both = '2 processes hang in the kernel: copy 41 in Bay 1, smartctl 57.';
    expect(await openAlerts()).toEqual([both]);
    years.stuck = years.stuck.slice(0, 1);
    await years.settle();
    expect(await openAlerts()).toEqual([]);
  });
});

it.each([
  { kind: 'killed', reason: 'the copy process was killed (SIGKILL)' },
  { kind: 'starved', reason: 'the machine gave the copy process too little: EMFILE' },
] as const)(
  'a copy that is $kind is an alert when it gets no further, and over when it does',
  async (copy) => {
    const ref = refOf(await years.make(copy.kind, ['A1']), 'A1');
    const since = years.clock.now().toISOString();
    years.killed = [{ ...copy, ref, times: 2, since }];
    await years.settle();
    expect(await years.kinds()).toEqual([]);
    years.killed = [{ ...copy, ref, times: 3, since }];
    await years.settle();
    expect(years.cycle.alerts).toMatchObject([
      {
        kind: `copy-${copy.kind}`,
        subject: ref,
        reason: expect.stringContaining('3 times in a row'),
      },
    ]);
    years.killed = [];
    await years.settle();
    expect(await years.kinds()).toEqual([]);
  },
);

describe('a disk that was pulled in mid-copy', () => {
  const pulled = async () => {
    const ref = refOf(await years.make('pulled', ['A1', 'A2']), 'A1');
    await years.arrive(ref.jobId, 'A1');
    await years.start(ref.jobId, 'A1');
    const copy = await years.ledger.copyOf(ref);
    const progress = { totalBytes: 9, stagedBytes: 7, verifiedBytes: 2 };
    await years.ledger.recordProgress(copy?.id ?? '', progress);
    years.missing.set(`${ref.jobId}/A1`, years.clock.now().toISOString());
    return ref;
  };
  const operator = (where: Whereabouts = { kind: 'nowhere' }) => ({
    actions: operatorActions({ ...NOTHING_PLUGGED_IN, whereIs: () => where }),
    by: { ledger: years.ledger, actor: 'sam' } as const,
  });

  it('is told of when it has been away for hours, with what would be lost', async () => {
    const ref = await pulled();
    years.clock.advance(4 * 60 * 60_000 - 1);
    await years.settle();
    expect(await years.kinds()).toEqual([]);
    years.clock.advance(1);
    await years.settle();
    expect(years.cycle.alerts).toMatchObject([{ kind: 'disk-missing', subject: ref }]);
    const reason = years.cycle.alerts[0]?.reason;
    expect(reason).toContain('at 2026-01-01 00:00 UTC and has not come back');
    expect(reason).toContain('5 bytes that the store has of it are in no blob and are lost');
    years.missing.clear();
    await years.settle();
    expect(await years.kinds()).toEqual([]);
  });

  it('ends its drive when an operator says so, and then it is no alert any more', async () => {
    const ref = await pulled();
    await years.pass(1);
    const answer = { resolution: 'end-without-copy', note: 'it clicks' } as const;
    const { actions, by } = operator();
    await actions.resolveAlert(years.cycle.alerts[0]?.id ?? '', answer, by);
    const drive = await years.ledger.drive(ref);
    expect(drive?.state.name).toBe('CompletedMoreInfo');
    expect(drive?.verdict).toMatchObject({ copyStatus: 'DiskNotFound', safeToRemove: false });
    const words = drive?.verdict?.reasons[0]?.words;
    expect(words).toMatch(/did not come back\. 5 bytes .* lost.* 2 bytes .* stay\. it clicks$/u);
  });

  it.each([
    [{ kind: 'plugged-in', bay: 'Bay 3' }, 'plugged in (Bay 3)'],
    [{ kind: 'unknown' }, 'is not known at this moment'],
  ] as const)(
    'does not end its drive while the disk is or may be there: %o',
    async (where, words) => {
      const ref = await pulled();
      const { actions, by } = operator(where);
      const name = { jobName: 'pulled', driveId: ref.driveId };
      await expect(actions.endWithoutCopy(name, 'it clicks', by)).rejects.toMatchObject({
        code: 'transition-refused',
        message: expect.stringContaining(words),
      });
      expect((await years.ledger.drive(ref))?.state.name).toBe('Transferring');
    },
  );
});

describe('alerts of the storage', () => {
  const halt = (jobId: JobId, code: string): StorageHalt => ({
    ...{ jobId, code, reason: 'the store says no', nextStep: 'Renew the credential.' },
    since: years.clock.now().toISOString(),
  });

  it('tell at once what only a person can put right, and end with it', async () => {
    const id = await years.make('denied', ['A1']);
    years.halts = [halt(id, 'storage-denied')];
    await years.settle();
    expect(years.cycle.alerts).toMatchObject([
      { kind: 'storage-halted', reason: expect.stringMatching(/denied.*says no.*Renew/u) },
    ]);
    years.halts = [];
    await years.settle();
    expect(await years.kinds()).toEqual([]);
  });

  it('tell of a store that is away only when it stays so', async () => {
    const id = await years.make('away', ['A1']);
    years.halts = [halt(id, 'storage-unavailable')];
    years.clock.advance(9 * 60_000);
    await years.settle();
    expect(await years.kinds()).toEqual([]);
    years.clock.advance(60_000);
    await years.settle();
    expect(await years.kinds()).toEqual(['storage-away']);
  });

  it('tell of a copy on hold two days before the store forgets what is staged', async () => {
    const id = await years.make('held', ['A1']);
    await years.arrive(id, 'A1');
    const copy = await years.ledger.beginCopyAttempt(refOf(id, 'A1'), BOUND_DISK);
    const started = { event: 'copy-started', copyId: copy.id } as const;
    await years.ledger.transitionDrive(refOf(id, 'A1'), started, 'station');
    await years.ledger.recordProgress(copy.id, { totalBytes: 9, stagedBytes: 7, verifiedBytes: 0 });
    years.stagedAt.set(`${id}/A1`, years.clock.now().toISOString());
    await years.pass(4);
    expect(await years.kinds()).toEqual([]);
    await years.pass(1);
    expect(years.cycle.alerts).toMatchObject([
      {
        kind: 'staged-bytes-expire',
        reason: expect.stringContaining('7 staged bytes on 2026-01-08'),
      },
    ]);
    years.stagedAt.set(`${id}/A1`, years.clock.now().toISOString());
    await years.settle();
    expect(await years.kinds()).toEqual([]);
  });
});

describe('a clock that was set', () => {
  const jumped = async () => {
    const alerts = await years.ledger.alerts.list('open');
    return alerts.find(({ kind }) => kind === 'clock-jumped');
  };
  const YEARS = 4 * 365;

  it('makes no time-out pass; somebody is asked, and what they say counts', async () => {
    const id = await years.make('job', ['A1']);
    years.clock.jump(YEARS * DAY_MS);
    await years.settle();
    expect(await years.stateOf(id)).toBe('Shipping');
    expect(await years.kinds()).toEqual(['clock-jumped']);
    const alert = await jumped();
    expect(alert?.reason).toContain('The clock says 2029-12-31 00:00 UTC and is ahead of');
    await years.ledger.alerts.resolve(alert?.id ?? '', { resolution: 'clock-is-right' }, 'kim');
    await years.settle();
    expect(await years.kinds()).toEqual([]);
    expect(await years.stateOf(id)).toBe('Closed');
    expect((await years.ledger.lastEvent('clock'))?.actor).toBe('kim');
  });

  it('lets time go on by what has really passed, until the clock is right again', async () => {
    const id = await years.make('job', ['A1']);
    years.clock.jump(-YEARS * DAY_MS);
    await years.pass(15);
    expect((await years.kinds()).sort()).toEqual(['clock-jumped', 'package-missing']);
    years.clock.jump(YEARS * DAY_MS);
    await years.settle();
    expect(await years.kinds()).toEqual(['package-missing']);
    expect(await years.stateOf(id)).toBe('Shipping');
  });

  it('is followed without a word where it is corrected by minutes', async () => {
    await years.settle();
    for (const minutes of [20, -50, 30, 40, 50]) {
      years.clock.jump(minutes * 60_000);
      await years.settle();
    }
    expect(await years.kinds()).toEqual([]);
  });

  it('is noticed by the next start, in the same boot and over one', async () => {
    await years.settle();
    for (const boot of ['boot-1', 'boot-2']) {
      years.clock.jump(-YEARS * DAY_MS);
      await years.restart(boot);
      await years.settle();
      expect((await jumped())?.reason).toContain('behind');
      years.clock.jump(YEARS * DAY_MS);
      await years.settle();
      expect(await years.kinds()).toEqual([]);
    }
    years.clock.jump(YEARS * DAY_MS);
    await years.restart('boot-3');
    await years.settle();
    expect((await jumped())?.reason).toContain('ahead');
  });

  it('is not suspected after a weekend without power', async () => {
    await years.settle();
    years.clock.jump(3 * DAY_MS);
    await years.restart('boot-2');
    await years.settle();
    expect(await years.kinds()).toEqual([]);
  });

  it('leaves the event log in its order', async () => {
    await years.make('before', ['A1']);
    years.clock.jump(-YEARS * DAY_MS);
    await years.settle();
    await years.make('after', ['A2']);
    const events = await Array.fromAsync(years.ledger.events(0, 100));
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    expect(await years.ledger.firstBrokenEvent()).toBeUndefined();
  });
});

describe('a dock that is unreliable', () => {
  const BRIDGE = '152d:0578' as BridgeId;
  const seen = { port: 'usb-0:3', bay: 'Bay 3', bridge: BRIDGE, product: 'JMS578', driver: 'uas' };
  const unreliable = async () => {
    const limits = { incidents: 2, windowMs: DAY_MS };
    const drop = (disk: string) => [{ kind: 'drop' as const, disk, count: 1 }];
    await years.ledger.docks.record(seen, drop('A1'), limits);
    await years.ledger.docks.record(seen, drop('B2'), limits);
    await years.settle();
  };
  const answer = async (resolution: 'replaced' | 'noted') => {
    const [alert] = await years.ledger.alerts.list('open');
    const by = { ledger: years.ledger, actor: 'sam' };
    await operatorActions(NOTHING_PLUGGED_IN).resolveAlert(alert?.id ?? '', { resolution }, by);
    await years.settle();
  };

  it('is one alert, with the bay, the bridge, what was counted, and what may help', async () => {
    await unreliable();
    const [alert, ...others] = await years.ledger.alerts.list('open');
    expect(others).toEqual([]);
    expect(alert?.reason).toBe(
      'Bay 3 (usb-0:3): JMS578 (152d:0578), 2 incidents since 2026-01-01 00:00 UTC, with 2 disks: 2 disconnects. It is driven by UAS. usb-storage is slower and often holds: put the line "options usb-storage quirks=152d:0578:u" into /etc/modprobe.d/drive-station.conf and boot, or allow docks.rebindUsb.',
    );
    await years.ledger.alerts.acknowledge(alert?.id ?? '', 'sam');
    await years.pass(1);
    expect(await years.ledger.alerts.list('open')).toMatchObject([{ acknowledged: { by: 'sam' } }]);
  });

  it.each([
    ['noted', 1],
    ['replaced', 0],
  ] as const)('begins anew when an operator answers %s', async (resolution, quirks) => {
    await unreliable();
    await answer(resolution);
    expect(await years.kinds()).toEqual([]);
    expect(await years.ledger.docks.all()).toEqual([]);
    expect(await years.ledger.docks.quirks()).toHaveLength(quirks);
    await unreliable();
    expect(await years.kinds()).toEqual(['dock-unreliable']);
  });

  it('is over when another one is in its place', async () => {
    await unreliable();
    await years.ledger.docks.seen({ ...seen, bridge: '174c:55aa' as BridgeId });
    await years.settle();
    expect(await years.kinds()).toEqual([]);
  });
});
