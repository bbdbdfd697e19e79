import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alertText } from '../../../src/client/alert-text.ts';
import { changeLines } from '../../../src/client/changes.ts';
import { checkInText, packingText } from '../../../src/client/parcel-text.ts';
import { renderScreen } from '../../../src/client/screen.ts';
import { renderTable } from '../../../src/client/table.ts';
import { alertsOfTheDay, alertView, checkInView, packingView } from '../../support/desk-views.ts';
import {
  busyView,
  completedDrive,
  copyingDrive,
  diskOf,
  diskView,
  emptyView,
  jobView,
  stationInfo,
} from '../../support/views.ts';

const now = new Date('2026-11-23T08:00:00.000Z');

describe('renderTable', () => {
  it('shows bay, state, rate, range and bar of every drive, and what a person has to do', () => {
    const text = renderTable(busyView(), { columns: 160, now });
    expect(text).toMatch(
      /WD-WCC7K0AB12CD +Bay 1 +copying +contoso-archive +4\.29 TB +214 MB\/s +2 h 30 min – 4 h +█+░+ +41\.2 %/u,
    );
    expect(text).toMatch(/S3Z8NB0K712345 +Bay 2 +verified .* 100\.0 %/u);
    expect(text).toContain('! Bay 5: extra drive (AZ31BGB1');
    expect(text).toContain('✓ Bay 2 (S3Z8NB0K712345): safe to remove');
    expect(text).toContain('! PL1331LAGXN5AH: It left Bay 4. Put it back in any bay.');
    expect(text).toContain('Try another bay and cable');
  });

  it('is never wider than the terminal, and keeps drive, state and percent on a narrow one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 240 }), fc.boolean(), (columns, colour) => {
        const text = renderTable(busyView(), { columns, now, colour });
        for (const line of text.split('\n')) {
          expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(columns);
        }
      }),
    );
    const narrow = renderTable(busyView(), { columns: 60, now });
    expect(narrow).toMatch(/WD-WCC7K0AB12CD .*copying .* 41\.2 %/u);
  });

  it('counts the alerts, and names the oldest that no other line stands for', () => {
    const many = ['a', 'b', 'c', 'd', 'e'].map((id) => alertView({ id }));
    const text = renderTable(
      { ...busyView(), alerts: [...alertsOfTheDay(), ...many] },
      { columns: 200, now },
    );
    expect(text).toContain('· 9 alerts (1 looked after)');
    expect(text).toContain(
      '! Parcel missing (fabrikam-2026), for 1 h 55 min: Nothing of job fabrikam-2026 has arrived',
    );
    expect(text).toContain('! and 3 more: drive-station alerts');
    // These have a line of their own: the faulted drive, and the disk in its bay.
    expect(text).not.toContain('Drive needs you');
    expect(text).not.toContain('Extra drive (');
    expect(renderTable(emptyView(), { columns: 200, now })).not.toContain('alert');
  });

  it('says how long storage has been away and that the bays are unknown', () => {
    const station = stationInfo({
      storage: { kind: 'away', since: '2026-11-23T07:57:00.000Z', reason: 'ECONNREFUSED' },
      detection: { mode: 'periodic', known: false, reason: 'lsblk hangs' },
    });
    const text = renderTable({ ...emptyView(), station }, { columns: 200, now });
    expect(text).toContain('storage away for 3 min (ECONNREFUSED)');
    expect(text).toContain('bays unknown (lsblk hangs)');
  });

  it('tells nobody to pull a disk while it cannot see which one is where', () => {
    const detection = { mode: 'udev', known: false, reason: 'lsblk hangs' } as const;
    const view = { ...busyView(), station: stationInfo({ detection }) };
    expect(renderTable(view, { columns: 200, now })).not.toContain('safe to remove');
    const lost = { status: { kind: 'lost', reason: 'it closed' }, view: busyView() } as const;
    const screen = renderScreen(lost, { columns: 200, now });
    expect(screen).toContain('bays unknown (no connection)');
    expect(screen).toContain('No connection (it closed); the table is of before.');
    expect(screen).not.toContain('safe to remove');
  });

  it('never shows 100 % of a drive that misses a byte', () => {
    const drive = copyingDrive('A', 'Bay 1', 1);
    const progress = drive.progress;
    if (progress === null) throw new RangeError('a copying drive has progress');
    const almost = { ...drive, progress: { ...progress, stagedBytes: progress.totalBytes - 1 } };
    const text = renderTable({ ...emptyView(), drives: [almost] }, { columns: 120, now });
    expect(text).toContain('99.9 %');
  });
});

describe('what comes from a disk', () => {
  it('cannot steer the terminal', () => {
    const serial = 'EVIL\u001b[2J\u0007\u202e';
    const disks = [
      diskView('Bay\u001b[31m 1', {
        serial,
        match: { kind: 'extra', reason: serial, extra: null },
      }),
    ];
    const hostile = { ...emptyView(), disks, drives: [copyingDrive(serial, 'Bay 1', 0.5)] };
    const alert = { ...alertView({ title: serial, reason: serial }), resolved: null };
    const parcel = checkInView({ jobName: serial, expected: [serial] });
    const texts = [
      renderTable({ ...hostile, alerts: [alert] }, { columns: 120, now }),
      alertText([alert], { columns: 120, now }),
      checkInText(parcel, hostile, now),
      packingText(
        packingView({
          ...{ jobName: serial, returnAddress: { city: serial }, problems: [serial] },
          drives: [{ driveId: serial, state: 'Completed', lost: false }],
        }),
      ),
      changeLines(undefined, hostile).join('\n'),
    ];
    for (const text of texts) {
      expect(text).toContain('EVIL');
      expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });
});

describe('a disk that does not answer', () => {
  const hang = {
    waitsFor: 'read',
    offsetBytes: 415_911_976_960,
    lba: 812_334_080,
    waitedSeconds: 41,
    giveUpSeconds: 240,
    kernelLimitSeconds: 180,
    tried: ['the kernel shows the disk as running, 1 request unanswered'],
  } as const;
  const since = '2026-11-23T07:12:00.000Z';
  const waiting = (waitedSeconds: number) => ({
    ...emptyView(),
    drives: [{ ...copyingDrive('A', 'Bay 1', 0.1), hang: { ...hang, waitedSeconds } }],
  });
  const stuck = {
    ...emptyView(),
    station: stationInfo({
      stuck: [{ pid: 4711, what: 'copy', bay: 'Bay 3', driveId: 'A\u001b', since }],
    }),
  };

  it('is shown with its place, its clock and what was tried', () => {
    const text = renderTable(waiting(41), { columns: 200, now });
    expect(text).toContain('disk does not answer');
    expect(text).toContain(
      '! Bay 1 (A): Waiting on LBA 812,334,080 for 41 s; kernel limit 180 s, given up after 240 s. Tried: the kernel shows the disk as running, 1 request unanswered.',
    );
  });

  it('is one line among the changes, not one for each second', () => {
    const lines = changeLines(emptyView(), waiting(41));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('Waiting on LBA 812,334,080; kernel limit 180 s');
    expect(changeLines(waiting(41), waiting(42))).toEqual([]);
  });

  it('is something else than a disk that spins up, which is one line among the changes too', () => {
    const spinning = (waitedSeconds: number) => {
      const activity = { kind: 'spinning-up', waitedSeconds, limitSeconds: 60 } as const;
      return { ...emptyView(), drives: [{ ...copyingDrive('A', 'Bay 1', 0), activity }] };
    };
    expect(renderTable(spinning(12), { columns: 200, now })).toContain('spinning up');
    const [line = ''] = changeLines(emptyView(), spinning(12));
    expect(line).toContain('The disk slept: up to 60 s until it reads. Leave it in.');
    expect(changeLines(spinning(12), spinning(13))).toEqual([]);
    const asking = (waitedSeconds: number) => {
      const activity = { kind: 'asking', waitedSeconds } as const;
      return { ...emptyView(), drives: [{ ...copyingDrive('A', 'Bay 1', 0), activity }] };
    };
    const [asked = ''] = changeLines(emptyView(), asking(4));
    expect(asked).toContain('The drive is asked how it is; one that slept spins up first.');
    expect(changeLines(asking(4), asking(5))).toEqual([]);
  });

  it('leaves a process behind that is named with its bay until it is gone', () => {
    const words =
      'hangs in the kernel: copy 4711 in Bay 3 (A\uFFFD), the first since 07:12 UTC. Pull the disk that is named: the kernel then lets go.';
    expect(renderTable(stuck, { columns: 200, now })).toContain(`! ${words}`);
    expect(changeLines(emptyView(), stuck)).toEqual([words]);
    expect(changeLines(stuck, emptyView())).toEqual(['nothing hangs in the kernel any more']);
  });

  it('says that nothing is started when too many hang', () => {
    const { station } = stuck;
    const many = { ...stuck, station: { ...station, tooManyStuck: true } };
    expect(renderTable(many, { columns: 300, now })).toContain(
      'No copy is started while there are',
    );
  });
});

describe('a dock that is unreliable', () => {
  const unreliableDock = {
    ...{ id: 'dock-1', since: '2026-11-23T07:12:00.000Z' },
    words: 'JMS578 (152d:0578), 3 incidents since 2026-11-23 06:10 UTC, with 2 disks: 3 resets.',
    nextStep: 'Try another cable, another port, another dock.',
  };
  const told = {
    ...{ kind: 'dock-unreliable', title: 'Dock unreliable', reason: 'Bay 3: 3 resets.' },
    ...{ jobId: null, jobName: null, dockId: 'dock-1' },
  };
  const view = {
    ...emptyView(),
    disks: [diskView('Bay 3', { unreliableDock })],
    alerts: [alertView(told)],
  };

  it('is told once, at its bay', () => {
    const text = renderTable(view, { columns: 200, now });
    expect(text).toContain('! Bay 3: This dock is unreliable: JMS578 (152d:0578), 3 incidents');
    expect(text).toContain('Try another cable, another port, another dock.');
    expect(text).not.toContain('Dock unreliable');
    expect(changeLines(emptyView(), view)[0]).toContain('This dock is unreliable');
  });

  it('is told as an alert while no disk is in it', () => {
    const text = renderTable({ ...view, disks: [] }, { columns: 200, now });
    expect(text).toContain('Dock unreliable, for');
  });
});

describe('changeLines', () => {
  const view = (share: number) => {
    const drive = copyingDrive('A', 'Bay 1', share);
    return { ...emptyView(), drives: [drive], disks: [diskOf(drive)] };
  };

  it('says everything at first and nothing when nothing changed', () => {
    expect(changeLines(undefined, view(0.1))).toEqual([
      expect.stringContaining('disk in Bay 1 (A'),
      'drive A (contoso-archive): copying, in Bay 1, 10 %',
    ]);
    expect(changeLines(view(0.1), view(0.1))).toEqual([]);
  });

  it('says progress at every tenth only', () => {
    expect(changeLines(view(0.1), view(0.19))).toEqual([]);
    expect(changeLines(view(0.19), view(0.2))).toEqual([
      'drive A (contoso-archive): copying, in Bay 1, 20 %',
    ]);
  });

  it('says what left, and when a drive may be pulled', () => {
    const after = { ...emptyView(), drives: [completedDrive('A', 'Bay 1')] };
    const lines = changeLines(view(0.9), after).join('\n');
    expect(lines).toContain('safe to remove');
    expect(lines).toContain('disk in Bay 1 (A): removed');
  });

  it('says what becomes of jobs and alerts', () => {
    const at = '2026-11-23T08:00:00.000Z';
    const before = { ...emptyView(), jobs: [jobView()], alerts: [alertView()] };
    const after = {
      ...emptyView(),
      jobs: [jobView({ state: 'Packaging', percentComplete: 100, cancelRequested: true })],
      alerts: [alertView({ acknowledged: { at, by: 'jonas' } })],
    };
    expect(changeLines(before, after)).toEqual([
      'job contoso-archive: Packaging, cancelled',
      'alert Parcel missing (fabrikam-2026): jonas looks after it',
    ]);
    expect(changeLines(after, emptyView())).toEqual([
      'job contoso-archive: no longer shown',
      'alert Parcel missing (fabrikam-2026): no longer open',
    ]);
  });

  it('says when storage leaves and comes back', () => {
    const away = { kind: 'away', since: now.toISOString(), reason: 'ECONNREFUSED' } as const;
    const without = { ...emptyView(), station: stationInfo({ storage: away }) };
    expect(changeLines(emptyView(), without)).toEqual(['storage away: ECONNREFUSED']);
    expect(changeLines(without, emptyView())).toEqual(['storage is back']);
  });

  it('says when the bays cannot be seen, and what may be pulled once they can', () => {
    const detection = { mode: 'udev', known: false, reason: 'lsblk hangs' } as const;
    const station = stationInfo({ detection });
    const drive = completedDrive('A', 'Bay 1');
    const blind = { ...view(0.9), station };
    expect(changeLines(view(0.9), blind)).toEqual([
      'bays unknown: lsblk hangs; nothing new is started',
    ]);
    const done = { ...blind, drives: [drive] };
    expect(changeLines(blind, done).join('\n')).not.toContain('safe to remove');
    const lines = changeLines(done, { ...done, station: stationInfo() });
    expect(lines).toEqual(['the bays are seen again', expect.stringContaining('safe to remove')]);
  });

  it('says when there is little room for the records, and when there is more', () => {
    const little = { ...emptyView(), station: stationInfo({ belowReserve: true }) };
    expect(changeLines(emptyView(), little)).toEqual([
      'little free space: no new drive is started',
    ]);
    expect(changeLines(little, emptyView())).toEqual(['there is room for new drives again']);
  });
});
