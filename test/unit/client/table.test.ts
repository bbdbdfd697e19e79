import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changeLines } from '../../../src/client/changes.ts';
import { renderTable } from '../../../src/client/table.ts';
import {
  busyView,
  completedDrive,
  copyingDrive,
  diskOf,
  diskView,
  emptyView,
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

  it('says how long storage has been away and that the bays are unknown', () => {
    const station = stationInfo({
      storage: { kind: 'away', since: '2026-11-23T07:57:00.000Z', reason: 'ECONNREFUSED' },
      detection: { mode: 'periodic', known: false, reason: 'lsblk hangs' },
    });
    const text = renderTable({ ...emptyView(), station }, { columns: 200, now });
    expect(text).toContain('storage away for 3 min (ECONNREFUSED)');
    expect(text).toContain('bays unknown (lsblk hangs)');
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
    const texts = [
      renderTable(hostile, { columns: 120, now }),
      changeLines(undefined, hostile).join('\n'),
    ];
    for (const text of texts) {
      expect(text).toContain('EVIL');
      expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
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

  it('says when storage leaves and comes back', () => {
    const away = { kind: 'away', since: now.toISOString(), reason: 'ECONNREFUSED' } as const;
    const without = { ...emptyView(), station: stationInfo({ storage: away }) };
    expect(changeLines(emptyView(), without)).toEqual(['storage away: ECONNREFUSED']);
    expect(changeLines(without, emptyView())).toEqual(['storage is back']);
  });
});
