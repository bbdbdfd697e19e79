import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BridgeId } from '../../../src/domain/disk.ts';
import { type AttachedDisk, diskKey } from '../../../src/domain/disk.ts';
import { type DockId, dockOf } from '../../../src/domain/dock.ts';
import type { DriveState } from '../../../src/domain/drive-state.ts';
import type { CopyProgress, Drive, DriveId, JobId, JobName } from '../../../src/domain/job.ts';
import { judge } from '../../../src/domain/verdict.ts';
import { copyStatusOf, diskView, driveView, percentOf } from '../../../src/serve/view.ts';
import { diskView as diskSchema, driveView as driveSchema } from '../../../src/serve/wire.ts';

const ref = { jobId: 'job-1' as JobId, driveId: 'A' as DriveId };

function drive(state: DriveState, progress?: CopyProgress): Drive {
  const base = { ref, jobName: 'job' as JobName, state };
  return progress === undefined ? base : { ...base, progress };
}

const anyProgress = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 40 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([totalBytes, share]) => ({
    totalBytes,
    stagedBytes: Math.floor(totalBytes * share),
    verifiedBytes: 0,
  }));

describe('percentOf', () => {
  it('is between 0 and 99 until every byte was read back', () => {
    fc.assert(
      fc.property(fc.array(anyProgress, { minLength: 1, maxLength: 10 }), (all) => {
        const drives = all.map((p) => drive({ name: 'Transferring', copyId: 'c' }, p));
        const percent = percentOf(drives);
        expect(percent).toBeGreaterThanOrEqual(0);
        expect(percent).toBeLessThanOrEqual(99);
        const done = all.map((p) => ({
          ...p,
          stagedBytes: p.totalBytes,
          verifiedBytes: p.totalBytes,
        }));
        const finished = done.map((p) => drive({ name: 'Completed', copyId: 'c' }, p));
        expect(percentOf(finished)).toBe(100);
        expect(percentOf([...finished, drive({ name: 'Specified' })])).toBeLessThan(100);
      }),
    );
  });

  it('is null before any drive has a plan', () => {
    expect(percentOf([drive({ name: 'Specified' })])).toBeNull();
    expect(percentOf([])).toBeNull();
  });
});

describe('copyStatusOf', () => {
  const fault = (code: string): DriveState => ({
    name: 'Faulted',
    fault: { code, reason: 'r', nextStep: 'n', since: '', publicState: 'Transferring' },
  });
  it.each([
    [{ name: 'Specified' }, undefined],
    [{ name: 'Received' }, undefined],
    [{ name: 'Transferring', copyId: 'c' }, 'InProgress'],
    [fault('disk-read-failed'), 'DiskOperationFailed'],
    [fault('storage-denied'), 'InternalError'],
  ] as const)('of %j is %s', (state, expected) => {
    expect(copyStatusOf(drive(state))).toBe(expected);
  });
});

describe('driveView', () => {
  const quiet = { activity: { kind: 'idle' }, hang: null, sick: null } as const;
  const now = { ...quiet, bay: null, rateBytesPerSecond: 0, eta: null } as const;

  it('passes the schema and carries the verdict without the evidence of each blob', () => {
    const verdict = judge({ plannedBytes: 0, blobs: [], kernelWrites: 0 });
    const done = { ...drive({ name: 'Completed', copyId: 'c' }), verdict };
    const view = driveView(done, { ...now, blobs: [] });
    expect(driveSchema.parse(view)).toEqual(view);
    expect(view.verdict).toMatchObject({ outcome: 'Completed', safeToRemove: true });
    expect(view.verdict).not.toHaveProperty('blobs');
  });

  it('shows where the logs are once they are, and why one is missing', () => {
    const completed: DriveState = { name: 'Completed', copyId: 'c' };
    expect(driveView(drive(completed), { ...now, blobs: [] }).logs).toBeNull();
    const done = { ...drive(completed), logs: { errorLogUri: 'https://x/e', problem: 'refused' } };
    const view = driveView(done, { ...now, blobs: [] });
    expect(driveSchema.parse(view)).toEqual(view);
    expect(view.logs).toEqual({
      errorLogUri: 'https://x/e',
      verboseLogUri: null,
      rescueMapUri: null,
      manifestUri: null,
      fileListUri: null,
      problem: 'refused',
    });
  });

  it('shows a faulted drive in its last public state, with the fault beside it', () => {
    const state: DriveState = {
      name: 'Faulted',
      fault: {
        code: 'disk-read-failed',
        reason: 'r',
        nextStep: 'n',
        since: '',
        publicState: 'Received',
      },
    };
    const view = driveView(drive(state), { ...now, blobs: [] });
    expect(view).toMatchObject({ state: 'Faulted', publicState: 'Received' });
    expect(view.fault).toEqual({ code: 'disk-read-failed', reason: 'r', nextStep: 'n' });
  });
});

describe('diskView', () => {
  const disk: AttachedDisk = {
    key: diskKey('pci-1', 7),
    devicePath: '/dev/sdb',
    deviceNumber: '8:16',
    diskseq: 7,
    physicalPath: 'pci-1',
    bay: 'Bay 1',
    sizeBytes: 1000,
    logicalSectorBytes: 512,
    physicalSectorBytes: 4096,
    rotational: true,
    kernelReadOnly: true,
    transport: 'sata',
    identity: {
      serials: [
        { source: 'lsblk', raw: 'BRIDGE' },
        { source: 'ata-identify', raw: ' REAL ' },
      ],
      wwns: [],
    },
    health: { status: 'unknown' },
    ownUses: [],
    writesAtFirstSight: 0,
  };
  const surroundings = {
    ...{ jobNames: new Map([[ref.jobId, 'contoso']]), extras: [] },
    docks: [],
  };

  it('names jobs, not their ids, and shows the serial of the medium', () => {
    const suggestions = [{ ref, jobName: 'contoso' as JobName, form: 'reversed' as const }];
    for (const match of [
      { kind: 'drive', ref, reason: 'r' },
      { kind: 'ambiguous', candidates: [ref], rivals: [], reason: 'r' },
      { kind: 'near', suggestions, reason: 'r' },
    ] as const) {
      const view = diskView(disk, match, surroundings);
      expect(diskSchema.parse(view)).toEqual(view);
      expect(view.serial).toBe('REAL');
      expect(JSON.stringify(view.match)).toContain('"jobName":"contoso"');
    }
  });

  it('says what was set before its copy, and nothing before that', () => {
    const match = { kind: 'drive', ref, reason: 'r' } as const;
    expect(diskView(disk, match, surroundings).settings).toEqual([]);
    const setting = { name: 'error-recovery', now: 7000, outcome: 'set', before: 'off' } as const;
    const admission = { kind: 'settings', settings: [setting] } as const;
    const view = diskView({ ...disk, admission }, match, surroundings);
    expect(diskSchema.parse(view)).toEqual(view);
    expect(view.settings).toEqual(['Error recovery of the drive: 7 s (was without limit)']);
  });

  it('knows the extra drive that a disk is noted as: by serial, or by bay when it shows none', () => {
    const extra = { kind: 'extra', reason: 'r' } as const;
    const noted = {
      ...{ id: 'e1', serial: 'REAL', model: null, bay: 'Bay 99', jobId: ref.jobId },
      ...{ parcelId: null, reason: 'r', seenAt: '' },
    };
    const known = (over: { serial?: string | null; bay?: string }, seen = disk) => {
      const extras = [{ ...noted, ...over }];
      const { match } = diskView(seen, extra, { ...surroundings, extras });
      return match.kind === 'extra' ? match.extra : undefined;
    };
    expect(known({})).toEqual({ id: 'e1', jobId: ref.jobId, jobName: 'contoso' });
    expect(known({ serial: 'OTHER' })).toBeNull();
    const mute = { ...disk, identity: { serials: [], wwns: [] } };
    expect(known({ serial: null }, mute)).toBeNull();
    expect(known({ serial: null, bay: disk.bay }, mute)).toMatchObject({ id: 'e1' });
  });

  it('says that its dock is unreliable, of which bridge, and what may be done', () => {
    const bridge = '152d:0578' as BridgeId;
    const seen = dockOf(disk);
    const link = {
      port: seen.port,
      kernelNames: [],
      bridge: { id: bridge, product: 'JMS578', driver: 'uas' },
    };
    const dock = {
      ...{ ...seen, bridge, id: 'd1' as DockId, product: 'JMS578', driver: 'uas' },
      incidents: [
        { at: '2026-11-23T08:00:00.000Z', counts: { reset: 3, drop: 1 }, disks: ['A', 'B'] },
      ],
      ...{ badDisks: [], unreliableSince: '2026-11-23T09:00:00.000Z' },
    };
    const docks = [dock];
    const match = { kind: 'extra', reason: 'r' } as const;
    const view = diskView({ ...disk, link }, match, { ...surroundings, docks });
    expect(diskSchema.parse(view)).toEqual(view);
    expect(view.unreliableDock).toEqual({
      ...{ id: 'd1', since: dock.unreliableSince },
      words:
        'JMS578 (152d:0578), 1 incident since 2026-11-23 08:00 UTC, with 2 disks: 3 resets, 1 disconnect.',
      nextStep: 'Try another cable, another port, another dock.',
    });
    const elsewhere = diskView(disk, match, { ...surroundings, docks });
    expect(elsewhere.unreliableDock).toBeNull();
  });

  it('says why a device that has no match is left alone', () => {
    const view = diskView({ ...disk, exclusion: 'optical' }, undefined, surroundings);
    expect(view.match).toEqual({ kind: 'excluded', reason: 'An optical drive.' });
  });
});
