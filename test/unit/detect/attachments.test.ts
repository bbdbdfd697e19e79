import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Attachments, type Sighting } from '../../../src/detect/attachments.ts';
import type { DiskKey } from '../../../src/domain/disk.ts';

const SETTLE_MS = 3000;

type Look = Partial<Sighting['disk']> & { serial?: string; incomplete?: boolean };

function sighting({ serial = 'A1', incomplete = false, ...look }: Look = {}): Sighting {
  const disk: Sighting['disk'] = {
    devicePath: '/dev/sdb',
    deviceNumber: '8:16',
    diskseq: 18,
    physicalPath: 'port-1',
    bay: 'bay 1',
    sizeBytes: 4096,
    logicalSectorBytes: 512,
    physicalSectorBytes: 512,
    rotational: true,
    kernelReadOnly: false,
    transport: 'usb',
    identity: { serials: [{ source: 'udev', raw: serial }], wwns: [] },
    ownUses: [],
    writesAtFirstSight: 0,
  };
  return { disk: { ...disk, ...look }, incomplete };
}

function keys(attachments: Attachments): string[] {
  return attachments.disks().map((disk) => disk.key);
}

describe('the debounce between sightings and facts', () => {
  it('admits a disk once it has looked the same for the whole time', () => {
    const attachments = new Attachments(SETTLE_MS);
    expect(attachments.update([sighting()], 0)).toBe(SETTLE_MS);
    expect(attachments.update([sighting()], 2999)).toBe(1);
    expect(keys(attachments)).toEqual([]);
    expect(attachments.update([sighting()], 3000)).toBeUndefined();
    expect(keys(attachments)).toEqual(['port-1#18']);
  });

  it.each([
    ['serial', { serial: 'B2' }],
    ['size', { sizeBytes: 8192 }],
    ['port', { physicalPath: 'port-2' }],
  ])('begins to wait anew when the %s changes', (_, change) => {
    const attachments = new Attachments(SETTLE_MS);
    attachments.update([sighting()], 0);
    expect(attachments.update([sighting(change)], 2900)).toBe(SETTLE_MS);
    attachments.update([sighting(change)], 3100);
    expect(keys(attachments)).toEqual([]);
  });

  it('waits for evidence that is on its way, without a due time of its own', () => {
    const attachments = new Attachments(SETTLE_MS);
    attachments.update([sighting({ incomplete: true })], 0);
    expect(attachments.update([sighting({ incomplete: true })], 9000)).toBeUndefined();
    expect(keys(attachments)).toEqual([]);
    attachments.update([sighting()], 9001);
    expect(keys(attachments)).toEqual(['port-1#18']);
  });

  it('drops a disk at once when it is not seen', () => {
    const attachments = new Attachments(0);
    attachments.update([sighting()], 0);
    attachments.update([], 1);
    expect(keys(attachments)).toEqual([]);
  });

  it('takes another disk under the same name for what it is: another key, after its own wait', () => {
    const attachments = new Attachments(SETTLE_MS);
    attachments.update([sighting()], 0);
    attachments.update([sighting()], 3000);
    attachments.update([sighting({ diskseq: 19 })], 3001);
    expect(keys(attachments)).toEqual([]);
    attachments.update([sighting({ diskseq: 19 })], 6001);
    expect(keys(attachments)).toEqual(['port-1#19']);
  });

  it('keeps the admitted identity until a new one has settled', () => {
    const attachments = new Attachments(SETTLE_MS);
    attachments.update([sighting()], 0);
    attachments.update([sighting()], 3000);
    attachments.update([sighting({ serial: 'B2' })], 4000);
    expect(attachments.disks()[0]?.identity.serials[0]?.raw).toBe('A1');
    attachments.update([sighting()], 5000);
    attachments.update([sighting({ serial: 'B2' })], 6000);
    expect(attachments.update([sighting({ serial: 'B2' })], 8999)).toBe(1);
    expect(attachments.disks()[0]?.identity.serials[0]?.raw).toBe('A1');
    attachments.update([sighting({ serial: 'B2' })], 9000);
    expect(attachments.disks()[0]?.identity.serials[0]?.raw).toBe('B2');
  });

  it('keeps the place of a disk when udev names it later in other words', () => {
    const attachments = new Attachments(0);
    attachments.update([sighting()], 0);
    attachments.update([sighting({ physicalPath: 'pci-1', bay: 'pci-1' })], 1);
    expect(keys(attachments)).toEqual(['port-1#18']);
    expect(attachments.disks()[0]?.bay).toBe('bay 1');
    expect(attachments.update([sighting({ physicalPath: 'pci-1', bay: 'pci-1' })], 2)).toBe(
      undefined,
    );
  });

  it('says at once that a disk is in use or writable', () => {
    const attachments = new Attachments(SETTLE_MS);
    attachments.update([sighting({ kernelReadOnly: true })], 0);
    attachments.update([sighting({ kernelReadOnly: true })], 3000);
    const ownUses = [{ kind: 'mounted', device: '/dev/sdb1', mountpoint: '/m' }] as const;
    attachments.update([sighting({ ownUses, kernelReadOnly: false })], 3001);
    expect(attachments.disks()[0]).toMatchObject({ ownUses, kernelReadOnly: false });
  });

  it('keeps what was set for an attachment beside its health, and not longer', () => {
    const attachments = new Attachments(0);
    const key = 'port-1#18' as DiskKey;
    const admission = { kind: 'none', why: 'none' } as const;
    expect(attachments.noteAdmission(key, admission)).toBe(false);
    attachments.update([sighting()], 0);
    attachments.noteHealth(key, { status: 'passed' });
    expect(attachments.noteAdmission(key, admission)).toBe(true);
    attachments.update([sighting()], 1);
    expect(attachments.disks()[0]).toMatchObject({ health: { status: 'passed' }, admission });
    attachments.update([], 2);
    attachments.update([sighting()], 3);
    expect(attachments.disks()[0]?.admission).toBeUndefined();
  });

  it('keeps the health of an attachment, and not longer', () => {
    const attachments = new Attachments(0);
    const key = 'port-1#18' as DiskKey;
    expect(attachments.noteHealth(key, { status: 'passed' })).toBe(false);
    attachments.update([sighting()], 0);
    expect(attachments.noteHealth(key, { status: 'failing', temperatureC: 61 })).toBe(true);
    attachments.update([sighting()], 1);
    expect(attachments.disks()[0]?.health).toEqual({ status: 'failing', temperatureC: 61 });
    attachments.update([], 2);
    attachments.update([sighting()], 3);
    expect(attachments.disks()[0]?.health).toEqual({ status: 'unknown' });
  });

  it('never shows a disk that is not in the last scan, nor one that has just been plugged in', () => {
    const look = fc.record({
      diskseq: fc.constantFrom(18, 19),
      devicePath: fc.constantFrom('/dev/sdb', '/dev/sdc'),
      sizeBytes: fc.constantFrom(4096, 8192),
      serial: fc.constantFrom('A1', 'B2'),
    });
    const scan = fc.record({ afterMs: fc.nat(4000), looks: fc.array(look, { maxLength: 3 }) });
    fc.assert(
      fc.property(fc.array(scan, { maxLength: 20 }), (scans) => {
        const attachments = new Attachments(SETTLE_MS);
        const sinceMs = new Map<string, number>();
        let nowMs = 0;
        for (const { afterMs, looks } of scans) {
          nowMs += afterMs;
          const distinct = [...new Map(looks.map((item) => [nameOf(item), item])).values()];
          attachments.update(distinct.map(sighting), nowMs);
          forget(sinceMs, new Set(distinct.map(withSize)));
          for (const item of distinct) {
            if (!sinceMs.has(withSize(item))) sinceMs.set(withSize(item), nowMs);
          }
          for (const disk of attachments.disks()) {
            const seenMs = sinceMs.get(withSize(disk));
            expect(seenMs).toBeDefined();
            expect(nowMs - (seenMs ?? nowMs)).toBeGreaterThanOrEqual(SETTLE_MS);
          }
        }
      }),
    );
  });
});

function nameOf(look: { devicePath: string; diskseq: number }): string {
  return `${look.devicePath}#${look.diskseq}`;
}

function withSize(look: { devicePath: string; diskseq: number; sizeBytes: number }): string {
  return `${nameOf(look)}#${look.sizeBytes}`;
}

function forget(map: Map<string, number>, present: ReadonlySet<string>): void {
  for (const name of map.keys()) if (!present.has(name)) map.delete(name);
}
