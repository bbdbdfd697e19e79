import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BridgeId } from '../../src/domain/disk.ts';
import type { DockSign, SeenDock } from '../../src/domain/dock.ts';
import type { Ledger, LedgerEvent } from '../../src/ledger/contract.ts';
import { DOCKS_MAX, QUIRKS_MAX } from '../../src/limits.ts';
import type { LedgerUnderTest } from './ledger.ts';

const LIMITS = { incidents: 2, windowMs: 3_600_000 };
const BRIDGE = '152d:0578' as BridgeId;
const DOCK: SeenDock = {
  ...{ port: 'usb-0:3', bay: 'Bay 3', bridge: BRIDGE },
  ...{ product: 'JMS578', driver: 'uas' },
};
const drop = (disk: string): DockSign => ({ kind: 'drop', disk, count: 1 });
const reset: DockSign = { kind: 'reset', disk: 'A', count: 4 };

/** What every implementation of the ledger holds to, of docks and what was learned of bridges. */
export function dockContract(name: string, open: () => Promise<LedgerUnderTest>): void {
  describe(name, () => {
    let subject: LedgerUnderTest;
    let ledger: Ledger;
    beforeEach(async () => {
      subject = await open();
      ({ ledger } = subject);
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    const record = (seen: SeenDock, ...signs: DockSign[]) =>
      ledger.docks.record(seen, signs, LIMITS);
    const unreliable = async (seen: SeenDock, { docks } = ledger) => {
      await docks.record(seen, [drop('C')], LIMITS);
      return await docks.record(seen, [drop('D')], LIMITS);
    };
    const told = async (): Promise<LedgerEvent[]> => {
      const events = await Array.fromAsync(ledger.events(0, 1000));
      return events.filter(({ entity }) => entity.startsWith('dock/'));
    };

    it('keeps what was noticed at a place over a restart, and adds to it', async () => {
      const first = await record(DOCK, reset, { kind: 'medium', disk: 'B', count: 1 });
      ledger = await subject.reopen();
      expect(await ledger.docks.all()).toEqual([first]);
      const second = await record(DOCK, reset);
      expect(second).toMatchObject({ id: first.id, ...DOCK, unreliableSince: null });
      expect(second.incidents).toMatchObject([{ counts: { reset: 8 }, disks: ['A'] }]);
      expect(second.badDisks.map(({ disk }) => disk)).toEqual(['B']);
      expect(await told()).toEqual([]);
    });

    it('keeps that several disks were in trouble at once', async () => {
      const dock = await record(DOCK, { ...reset, others: ['B'] });
      expect(dock.incidents).toMatchObject([{ disks: ['A', 'B'], ofSeveral: true }]);
      ledger = await subject.reopen();
      expect(await ledger.docks.all()).toEqual([dock]);
    });

    it('tells ports and bridges apart, with a bridge or without', async () => {
      await record(DOCK, reset);
      await record({ ...DOCK, bridge: null, product: null, driver: null }, reset);
      await record({ ...DOCK, port: 'usb-0:4' }, reset);
      const places = (await ledger.docks.all()).map(({ port, bridge }) => `${port} ${bridge}`);
      expect(places.sort()).toEqual(['usb-0:3 152d:0578', 'usb-0:3 null', 'usb-0:4 152d:0578']);
    });

    it('turns a place unreliable once, with its event, and learns of its bridge', async () => {
      const dock = await unreliable(DOCK);
      expect(dock.unreliableSince).not.toBeNull();
      const again = await record(DOCK, drop('A'));
      expect(again.unreliableSince).toBe(dock.unreliableSince);
      expect((await told()).map(({ entity, type }) => [entity, type])).toEqual([
        [`dock/${dock.id}`, 'unreliable'],
        [`dock/${dock.id}`, 'quirk-learned'],
      ]);
      ledger = await subject.reopen();
      expect(await ledger.docks.quirks()).toMatchObject([{ bridge: BRIDGE }]);
    });

    it('learns nothing of what has no other driver', async () => {
      await unreliable({ ...DOCK, driver: 'usb-storage' });
      await unreliable({ ...DOCK, port: 'ata-1', bridge: null, product: null, driver: null });
      expect(await ledger.docks.quirks()).toEqual([]);
    });

    it('lays nothing to a place that another place explains', async () => {
      await record({ ...DOCK, port: 'usb-0:4' }, { kind: 'medium', disk: 'A', count: 1 });
      await record(DOCK, drop('A'));
      expect((await record(DOCK, drop('A'))).unreliableSince).toBeNull();
    });

    it('begins anew when somebody says so, and forgets the quirk when it is wanted', async () => {
      const { id } = await unreliable(DOCK);
      await ledger.docks.beginAnew(id, { why: 'noted', unlearns: false }, 'sam');
      expect(await ledger.docks.all()).toEqual([]);
      expect(await ledger.docks.quirks()).toHaveLength(1);
      const again = await unreliable(DOCK);
      await ledger.docks.beginAnew(again.id, { why: 'a new one', unlearns: true }, 'sam');
      await ledger.docks.beginAnew(again.id, { why: 'a new one', unlearns: true }, 'sam');
      expect(await ledger.docks.quirks()).toEqual([]);
      const last = (await told()).at(-1);
      expect(last).toMatchObject({ type: 'begun-anew', actor: 'sam', data: { why: 'a new one' } });
    });

    it('sees that another dock is in its place, or the same one by another driver', async () => {
      await unreliable(DOCK);
      expect(await ledger.docks.seen(DOCK)).toBe(false);
      expect(await ledger.docks.seen({ ...DOCK, driver: 'usb-storage' })).toBe(true);
      expect(await ledger.docks.all()).toMatchObject([{ driver: 'usb-storage' }]);
      const other = { ...DOCK, bridge: '174c:55aa' as BridgeId };
      expect(await ledger.docks.seen(other)).toBe(true);
      expect(await ledger.docks.all()).toEqual([]);
      expect(await ledger.docks.quirks()).toHaveLength(1);
      expect(await ledger.docks.seen(other)).toBe(false);
    });

    it('keeps a bounded number of places and of quirks, the latest', async () => {
      const bridge = (at: number) => `152d:${at.toString(16).padStart(4, '0')}` as BridgeId;
      // In one transaction, which is faster than one for each.
      await ledger.once({ key: 'k', actor: 'sam', fingerprint: 'f' }, async (within) => {
        for (let at = 0; at <= DOCKS_MAX; at++) {
          await within.docks.record({ ...DOCK, port: `usb-0:${at}` }, [reset], LIMITS);
        }
        for (let at = 0; at <= QUIRKS_MAX; at++) {
          await unreliable({ ...DOCK, port: 'last', bridge: bridge(at) }, within);
        }
      });
      const docks = await ledger.docks.all();
      expect(docks).toHaveLength(DOCKS_MAX);
      expect(docks.some((dock) => dock.bridge === bridge(QUIRKS_MAX))).toBe(true);
      const quirks = (await ledger.docks.quirks()).map((quirk) => quirk.bridge);
      expect(quirks).toHaveLength(QUIRKS_MAX);
      expect(quirks).toContain(bridge(QUIRKS_MAX));
    });
  });
}
