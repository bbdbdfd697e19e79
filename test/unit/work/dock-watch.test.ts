import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCounts } from '../../../src/detect/error-counts.ts';
import type { AttachedDisk, BridgeId, Facts } from '../../../src/domain/disk.ts';
import { dockOf, placeKey, quirkInWords } from '../../../src/domain/dock.ts';
import type { ResetOutcome } from '../../../src/domain/hang-ladder.ts';
import type { DriveId, DriveRef } from '../../../src/domain/job.ts';
import type { KernelRecord } from '../../../src/kernel-records.ts';
import type { Ledger } from '../../../src/ledger/contract.ts';
import { REPLUG_EXPECTED_MS } from '../../../src/limits.ts';
import { DockBinding } from '../../../src/work/dock-binding.ts';
import { DockWatch } from '../../../src/work/dock-watch.ts';
import { Floor } from '../../../src/work/floor.ts';
import { VitalSigns } from '../../../src/work/vital-signs.ts';
import { aDisk, jobId } from '../../support/domain.ts';
import { openLedger, type TemporaryDirectory, temporaryDirectory } from '../../support/ledger.ts';

/** A station without disks: facts, the kernel's words and its counters are made up, the ledger is real. */

const LIMITS = { incidents: 2, windowMs: 3_600_000, settleMs: 3_000 };
const PORT = 'pci-0000:00:14.0-usb-0:3';
const quiet = { info: () => undefined, warn: () => undefined };

class Bench {
  nowMs = 1_000_000;
  facts: Facts = { known: true, disks: [] };
  counts: ErrorCounts = { errors: 4, timeOuts: 0 };
  readonly floor = new Floor(() => this.nowMs);
  readonly watch: DockWatch;
  /** The port of which the ledger can keep nothing. */
  failsAt: string | undefined;
  readonly #ledger: Ledger;
  #listener: () => void = () => undefined;
  #said: KernelRecord[] = [];
  #given = { bytes: 0, ms: 0, failed: 0, mediumErrors: 0 };

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    const said = () => this.#said.splice(0);
    const { docks } = ledger;
    const mayFail = (port: string) => {
      if (this.failsAt === port) throw new RangeError('the ledger fails');
    };
    const failing: Pick<Ledger, 'docks'> = {
      docks: {
        all: () => docks.all(),
        quirks: () => docks.quirks(),
        beginAnew: (...args) => docks.beginAnew(...args),
        record: async (place, ...args) => {
          mayFail(place.port);
          return await docks.record(place, ...args);
        },
        seen: async (place) => {
          mayFail(place.port);
          return await docks.seen(place);
        },
      },
    };
    this.watch = new DockWatch(LIMITS, {
      ...{ ledger: failing, floor: this.floor, logger: quiet },
      detector: {
        facts: () => this.facts,
        onChange: (listener) => {
          this.#listener = listener;
          return () => undefined;
        },
      },
      records: {
        async *fresh() {
          yield* said();
        },
      },
      errorCounts: async () => this.counts,
      bootUs: () => this.nowMs * 1000,
    });
  }

  attached(...disks: AttachedDisk[]): void {
    this.facts = { known: true, disks };
    this.#listener();
  }

  pass(seconds: number): void {
    this.nowMs += seconds * 1000;
  }

  says(...lines: string[]): void {
    this.#said.push(...lines.map((words) => ({ level: 3, atUs: this.nowMs * 1000 + 1, words })));
  }

  copies(disk: AttachedDisk): void {
    const item = this.floor.begin(refOf(disk), { ...disk, disk: disk.key });
    item.activity = { kind: 'copying' };
    item.vitals = new VitalSigns(
      { readHangMs: 240_000, spinUpMs: 60_000, failedBefore: false },
      {
        askKernel: () => Promise.reject(new Error('not asked here')),
        reset: () => Promise.reject(new Error('not asked here')),
        onCondition: () => undefined,
        now: () => this.nowMs,
      },
    );
  }

  gives(disk: AttachedDisk, more: { failed?: number; mediumErrors?: number }): void {
    this.#given = { ...this.#given, ...more };
    const wait = { kind: 'read', offsetBytes: 0, waitedMs: 0 } as const;
    const item = [...this.floor.working.values()].find((one) => one.disk === disk.key);
    item?.vitals?.hear({ kind: 'alive', wait, given: this.#given });
  }

  async known() {
    await this.watch.look();
    return await this.#ledger.docks.all();
  }
}

const BRIDGE = '152d:0578' as BridgeId;

/** A disk in the dock; each attachment has another diskseq. */
function docked(serial: string, diskseq: number, over: Partial<AttachedDisk> = {}): AttachedDisk {
  const bridge = { id: BRIDGE, product: 'JMS578', driver: 'uas' };
  const kernelNames = ['sdb', '0000:00:14.0', '2-3', 'host3', '3:0:0:0'];
  const link = { port: PORT, bridge, kernelNames };
  const serials = [{ source: 'scsi-vpd' as const, raw: serial }];
  return aDisk({ serials, diskseq, port: `${PORT}:1.0`, more: { link, bay: 'Bay 3', ...over } });
}

const refOf = (disk: AttachedDisk): DriveRef => ({
  jobId: jobId('job'),
  driveId: (disk.identity.serials[0]?.raw ?? '') as DriveId,
});

const RESET = 'usb 2-3: reset SuperSpeed USB device number 3 using xhci_hcd';
const ABORT = 'sd 3:0:0:0: [sdb] tag#1 uas_eh_abort_handler 0 uas-tag 2 inflight: CMD IN';

let directory: TemporaryDirectory;
let ledger: Ledger;
let bench: Bench;
const a = docked('A', 1);

beforeEach(async () => {
  directory = await temporaryDirectory();
  ledger = await openLedger(join(directory.path, 'ledger.sqlite'), () => new Date(bench.nowMs));
  bench = new Bench(ledger);
});
afterEach(async () => {
  await bench.watch.close();
  await ledger.close();
  await directory[Symbol.asyncDispose]();
});

describe('the kernel’s words', () => {
  it('are counted at the place of the disk that they name, by any of its names', async () => {
    bench.attached(a);
    bench.says(RESET, ABORT, ABORT, 'usb 2-4: reset SuperSpeed USB device number 4 using xhci_hcd');
    expect(await bench.known()).toMatchObject([
      {
        ...{ port: PORT, bridge: BRIDGE, bay: 'Bay 3', product: 'JMS578', driver: 'uas' },
        incidents: [{ counts: { reset: 1, abort: 2 }, disks: ['A'] }],
      },
    ]);
  });

  it('are heard a while after the disk has gone', async () => {
    bench.attached(a);
    bench.attached();
    bench.says('xhci_hcd 0000:00:14.0: HC died; cleaning up');
    expect(await bench.known()).toMatchObject([{ incidents: [{ counts: { controller: 1 } }] }]);
    bench.pass(61);
    await bench.known();
    bench.says(RESET);
    expect(await bench.known()).toMatchObject([{ incidents: [{ counts: { controller: 1 } }] }]);
  });

  it('are of the disk that has the name, not of one that had it and is gone', async () => {
    bench.attached(a);
    bench.attached();
    bench.pass(5);
    bench.attached(docked('B', 2, { link: { port: 'elsewhere', kernelNames: ['sdb'] } }));
    bench.says('sd 4:0:0:0: [sdb] attempting device reset');
    expect(await bench.known()).toMatchObject([{ port: 'elsewhere' }]);
  });

  it('about a bridge with two disks are laid to the one that is read, or to none', async () => {
    const b = docked('B', 2);
    bench.attached(a, b);
    bench.says(RESET);
    expect(await bench.known()).toMatchObject([{ incidents: [{ disks: [''] }] }]);
    bench.copies(b);
    bench.pass(200);
    bench.says(RESET);
    expect((await bench.known())[0]?.incidents.at(-1)).toMatchObject({ disks: ['B'] });
  });

  it('about a bridge of which two disks are read are laid to both', async () => {
    const b = docked('B', 2);
    bench.attached(a, b, docked('C', 3));
    bench.copies(a);
    bench.copies(b);
    bench.says(RESET);
    const both = { counts: { reset: 1 }, disks: ['A', 'B'], ofSeveral: true };
    expect(await bench.known()).toMatchObject([{ incidents: [both] }]);
  });

  it('about the medium of a disk that has no name, or could be another, are laid to none', async () => {
    const bad = 'critical medium error, dev sdb, sector 8 op 0x0:(READ) flags 0x0';
    bench.attached(a, docked('B', 2));
    bench.says(bad);
    expect(await bench.known()).toEqual([]);
    bench.attached(docked('', 3));
    bench.says(bad);
    expect(await bench.known()).toEqual([]);
  });

  it('about a disk of the station are not counted', async () => {
    const uses = [{ kind: 'mounted' as const, device: '/dev/sdb1', mountpoint: '/' }];
    bench.attached(docked('A', 1, { ownUses: uses }));
    bench.says(RESET);
    expect(await bench.known()).toEqual([]);
  });

  it('of bad places are told once in a while, not each second', async () => {
    bench.attached(a);
    const bad = 'critical medium error, dev sdb, sector 8 op 0x0:(READ) flags 0x0';
    bench.says(bad);
    const [first] = await bench.known();
    bench.pass(60);
    bench.says(bad);
    expect(await bench.known()).toEqual([first]);
    bench.pass(1200);
    bench.says(bad);
    expect(await bench.known()).not.toEqual([first]);
  });
});

describe('while the ledger fails', () => {
  const BAD = 'critical medium error, dev sdb, sector 8 op 0x0:(READ) flags 0x0';

  it('signs are kept until it holds them, and each is told once', async () => {
    bench.attached(a);
    await bench.known();
    bench.says(RESET, BAD);
    bench.failsAt = PORT;
    expect(await bench.known()).toEqual([]);
    bench.failsAt = undefined;
    bench.says(RESET);
    const held = [{ incidents: [{ counts: { reset: 2 } }], badDisks: [{ disk: 'A' }] }];
    expect(await bench.known()).toMatchObject(held);
    expect(await bench.known()).toMatchObject(held);
  });

  it('what it held already is not told again with what it did not hold', async () => {
    const link = { port: 'elsewhere', kernelNames: ['sdc'] };
    bench.attached(a, docked('B', 2, { link }));
    await bench.known();
    bench.failsAt = 'elsewhere';
    bench.says(RESET, 'sd 4:0:0:0: [sdc] attempting device reset');
    expect(await bench.known()).toMatchObject([{ port: PORT }]);
    bench.failsAt = undefined;
    const resets = (await bench.known()).map(({ incidents }) => incidents[0]?.counts.reset);
    expect(resets).toEqual([1, 1]);
  });

  it('a disk that arrived is shown to it later', async () => {
    bench.attached(a);
    bench.says(RESET);
    await bench.known();
    const bridge = { id: BRIDGE, product: 'JMS578', driver: 'usb-storage' };
    bench.attached(docked('A', 2, { link: { port: PORT, bridge, kernelNames: [] } }));
    bench.failsAt = PORT;
    expect(await bench.known()).toMatchObject([{ driver: 'uas' }]);
    bench.failsAt = undefined;
    expect(await bench.known()).toMatchObject([{ driver: 'usb-storage' }]);
  });
});

describe('the error counters', () => {
  it('count while a copy reads: what failed and came through when it was tried again', async () => {
    bench.attached(a);
    bench.copies(a);
    expect(await bench.known()).toEqual([]);
    bench.counts = { errors: 7, timeOuts: 1 };
    const counts = { retries: 3, 'time-outs': 1 };
    expect(await bench.known()).toMatchObject([{ incidents: [{ counts, disks: ['A'] }] }]);
  });

  it('say nothing of reads that failed, and of what is done before a copy', async () => {
    bench.attached(a);
    await bench.known();
    bench.counts = { errors: 9, timeOuts: 0 };
    bench.copies(a);
    await bench.known();
    bench.counts = { errors: 12, timeOuts: 0 };
    bench.gives(a, { failed: 1 });
    expect(await bench.known()).toEqual([]);
  });

  it('excuse the dock of a disk that calls its own places unreadable', async () => {
    bench.attached(a);
    bench.copies(a);
    bench.gives(a, { failed: 1, mediumErrors: 1 });
    expect(await bench.known()).toMatchObject([{ incidents: [], badDisks: [{ disk: 'A' }] }]);
  });
});

describe('a disk that leaves in mid-copy', () => {
  const backAfter = async (seconds: number, again = docked('A', 2)) => {
    bench.attached(a);
    bench.copies(a);
    bench.attached();
    bench.pass(seconds);
    bench.attached(again);
    return (await bench.known())[0]?.incidents;
  };

  it('and is back in its place at once was not pulled', async () => {
    expect(await backAfter(6)).toMatchObject([{ counts: { drop: 1 }, disks: ['A'] }]);
  });

  it('and is put back later was', async () => {
    expect(await backAfter(9)).toBeUndefined();
  });

  it('and makes room for another one was', async () => {
    expect(await backAfter(6, docked('B', 2))).toBeUndefined();
  });

  it('and is back in another place was', async () => {
    const link = { port: 'elsewhere', kernelNames: [] };
    expect(await backAfter(6, docked('A', 2, { link }))).toBeUndefined();
  });

  it('because the station replugs it says nothing, also when that takes minutes', async () => {
    bench.watch.expectReplug(a);
    bench.pass(600);
    expect(await backAfter(6)).toBeUndefined();
  });

  it('long after a replug that never happened was not pulled', async () => {
    bench.watch.expectReplug(a);
    bench.pass(REPLUG_EXPECTED_MS / 1000 + 1);
    expect(await backAfter(6)).toMatchObject([{ counts: { drop: 1 }, disks: ['A'] }]);
  });

  it('although the station did not take it away in the end was not pulled', async () => {
    const stays = bench.watch.expectReplug(a);
    stays();
    expect(await backAfter(6)).toMatchObject([{ counts: { drop: 1 }, disks: ['A'] }]);
  });

  it('again, after the station has replugged it, was not pulled', async () => {
    bench.watch.expectReplug(a);
    expect(await backAfter(6)).toBeUndefined();
    bench.copies(docked('A', 2));
    bench.attached();
    bench.pass(6);
    bench.attached(docked('A', 3));
    const [dock] = await bench.known();
    expect(dock?.incidents).toMatchObject([{ counts: { drop: 1 }, disks: ['A'] }]);
  });

  it('while nobody reads it says nothing', async () => {
    bench.attached(a);
    bench.attached();
    bench.pass(5);
    bench.attached(docked('A', 2));
    expect(await bench.known()).toEqual([]);
  });
});

describe('a dock that is unreliable with UAS', () => {
  let outcome: ResetOutcome;
  let rebound: string[];
  let left: number;

  const bindingOf = (rebindUsb = true) =>
    new DockBinding(
      { rebindUsb },
      {
        ...{ ledger, floor: bench.floor, logger: quiet, now: () => new Date(bench.nowMs) },
        holders: { leftBehindOn: (diskseq) => (diskseq === left ? aHolder(diskseq) : undefined) },
        rebind: async ({ key, bridge }) => {
          rebound.push(`${key} ${bridge}`);
          return outcome;
        },
        lookAgain: () => Promise.resolve(),
      },
    );
  const aHolder = (diskseq: number) => ({
    ...{ pid: 7, start: 1, bootId: 'b', what: 'copy', diskseq, bay: null },
    ...{ driveId: null, jobId: null, since: '2026-11-23T08:00:00.000Z' },
  });

  beforeEach(async () => {
    outcome = { kind: 'done' };
    rebound = [];
    left = 0;
    for (const diskseq of [1, 2, 3]) {
      const disk = docked('A', diskseq);
      bench.attached(disk);
      await bench.known();
      bench.copies(disk);
      bench.attached();
      bench.pass(5);
    }
    bench.attached(docked('A', 4));
    const [dock] = await bench.known();
    expect(dock?.unreliableSince).not.toBeNull();
  });

  it('is bound to usb-storage before the next copy, when that is allowed', async () => {
    const disk = docked('A', 4);
    const binding = bindingOf();
    expect(await binding.dueFor([disk])).toEqual([]);
    bench.copies(disk);
    expect(await binding.dueFor([disk])).toEqual([refOf(disk)]);
    expect(await binding.beforeCopy(disk, refOf(disk))).toBe(true);
    expect(rebound).toEqual([`${disk.key} ${BRIDGE}`]);
    const bridge = { id: BRIDGE, product: 'JMS578', driver: 'usb-storage' };
    const after = docked('A', 5, { link: { port: PORT, bridge, kernelNames: [] } });
    expect(await binding.beforeCopy(after, refOf(after))).toBe(false);
    expect(binding.rebinding.failures.size).toBe(0);
    bench.attached(after);
    expect(await bench.known()).toMatchObject([{ driver: 'usb-storage' }]);
  });

  it('is left as it is without the allowance', async () => {
    const binding = bindingOf(false);
    const disk = docked('A', 4);
    bench.copies(disk);
    expect(await binding.dueFor([disk])).toEqual([]);
    expect(await binding.beforeCopy(disk, refOf(disk))).toBe(false);
    expect(rebound).toEqual([]);
  });

  it('is tried once, and says why it did not work', async () => {
    const binding = bindingOf();
    outcome = { kind: 'skipped', words: 'sdc would be reset with it' };
    const disk = docked('A', 4);
    expect(await binding.beforeCopy(disk, refOf(disk))).toBe(false);
    expect(await binding.beforeCopy(disk, refOf(disk))).toBe(false);
    expect(rebound).toHaveLength(1);
    expect(binding.rebinding.failures.get(placeKey({ port: PORT, bridge: BRIDGE }))).toBe(
      'sdc would be reset with it',
    );
  });

  it('is tried although another bridge was tried in its port, and has no failure of that', async () => {
    const binding = bindingOf();
    outcome = { kind: 'skipped', words: 'sdc would be reset with it' };
    expect(await binding.beforeCopy(docked('A', 4), refOf(a))).toBe(false);
    const id = '174c:55aa' as BridgeId;
    const bridge = { id, product: 'ASM1153', driver: 'uas' };
    const other = docked('A', 5, { link: { port: PORT, bridge, kernelNames: [] } });
    const signs = [{ kind: 'drop' as const, disk: 'A', count: 1 }];
    await ledger.docks.record(dockOf(other), signs, LIMITS);
    const dock = await ledger.docks.record(dockOf(other), signs, LIMITS);
    const { rebinding } = binding;
    const known = { docks: [dock], quirks: await ledger.docks.quirks(), rebinding };
    expect(quirkInWords(dock, known)).toMatch(/^Before its next copy/u);
    outcome = { kind: 'done' };
    expect(await binding.beforeCopy(other, refOf(a))).toBe(true);
    expect(rebound).toHaveLength(2);
  });

  it('that comes back with UAS is not replugged again', async () => {
    const binding = bindingOf();
    expect(await binding.beforeCopy(docked('A', 4), refOf(a))).toBe(true);
    expect(await binding.beforeCopy(docked('A', 5), refOf(a))).toBe(false);
    expect(rebound).toHaveLength(1);
    expect(binding.rebinding.failures.get(placeKey({ port: PORT, bridge: BRIDGE }))).toBe(
      'it came back with UAS',
    );
  });

  it('is not touched while a process that was given up has its disk open', async () => {
    left = 4;
    expect(await bindingOf().beforeCopy(docked('A', 4), refOf(a))).toBe(false);
    expect(rebound).toEqual([]);
  });
});
