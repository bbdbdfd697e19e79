import {
  type Dock,
  type DockId,
  type DockLimits,
  type DockSign,
  isUnreliable,
  type LearnedQuirk,
  mayLearn,
  NOTHING_KNOWN,
  type SeenDock,
  samePlace,
  withSigns,
} from '../domain/dock.ts';
import type { DockBook, NewBeginning } from './books.ts';
import type { Actor } from './contract.ts';
import {
  describeDock,
  docksOf,
  forgetDock,
  learnQuirk,
  quirksOf,
  unlearnQuirk,
  writeDock,
} from './dock-rows.ts';
import type { Executor } from './tables.ts';
import type { Writer } from './writer.ts';

function isDescribedAs(dock: Dock, { bay, product, driver }: SeenDock): boolean {
  return dock.bay === bay && dock.product === product && dock.driver === driver;
}

/** What is known of docks, in the ledger's database. */
export class SqlDocks implements DockBook {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  async all(): Promise<readonly Dock[]> {
    const { db, station } = this.#writer;
    return await this.#writer.guard(() => docksOf(db, station));
  }

  async quirks(): Promise<readonly LearnedQuirk[]> {
    const { db, station } = this.#writer;
    return await this.#writer.guard(() => quirksOf(db, station));
  }

  async record(seen: SeenDock, signs: readonly DockSign[], limits: DockLimits): Promise<Dock> {
    return await this.#writer.write(async (db) => {
      const at = this.#writer.now().toISOString();
      const late = { at, windowMs: limits.windowMs };
      const known = await docksOf(db, this.#writer.station);
      const before = known.find((dock) => samePlace(dock, seen));
      const id = before?.id ?? (this.#writer.uuid() as DockId);
      const dock = { id, ...seen, ...withSigns(before ?? NOTHING_KNOWN, signs, late) };
      const others = known.filter((other) => other.id !== id);
      const all = others.map((other) => ({ ...other, ...withSigns(other, [], late) }));
      if (dock.unreliableSince !== null || !isUnreliable(dock, all, limits)) {
        return await this.#write(db, dock, at);
      }
      const data = { incidents: dock.incidents };
      await this.#tell(db, dock, { type: 'unreliable', data, actor: 'station' });
      return await this.#write(db, { ...dock, unreliableSince: at }, at);
    });
  }

  async seen(there: SeenDock): Promise<boolean> {
    const { db, station } = this.#writer;
    const known = await this.#writer.guard(() => docksOf(db, station));
    const same = known.find((dock) => samePlace(dock, there));
    const isOther = same !== undefined && !isDescribedAs(same, there);
    if (isOther) await this.#describe(there);
    const gone = known.filter(
      ({ port, bridge, unreliableSince }) =>
        port === there.port && bridge !== there.bridge && unreliableSince !== null,
    );
    const how = { why: 'another bridge is in its place', unlearns: false };
    for (const { id } of gone) await this.beginAnew(id, how, 'station');
    return isOther || gone.length > 0;
  }

  async beginAnew(id: string, { why, unlearns }: NewBeginning, actor: Actor): Promise<void> {
    await this.#writer.write(async (db) => {
      const { station } = this.#writer;
      const dock = (await docksOf(db, station)).find((known) => known.id === id);
      if (dock === undefined) return;
      await forgetDock(db, dock, station);
      if (unlearns && dock.bridge !== null) await unlearnQuirk(db, dock.bridge, station);
      await this.#tell(db, dock, { type: 'begun-anew', data: { why, unlearns }, actor });
    });
  }

  async #describe(there: SeenDock): Promise<void> {
    await this.#writer.write((db) => describeDock(db, there, this.#writer.station));
  }

  async #write(db: Executor, dock: Dock, at: string): Promise<Dock> {
    const { station } = this.#writer;
    await writeDock(db, dock, { station, at });
    const { bridge } = dock;
    if (bridge === null || !mayLearn(dock)) return dock;
    const isNew = await learnQuirk(db, { bridge, learnedAt: at }, station);
    const data = { bridge, quirk: 'usb-storage instead of uas' };
    if (isNew) await this.#tell(db, dock, { type: 'quirk-learned', data, actor: 'station' });
    return dock;
  }

  async #tell(
    db: Executor,
    { id, port, bridge, bay }: Dock,
    { type, data, actor }: { type: string; data: object; actor: Actor },
  ): Promise<void> {
    const about = { port, bridge, bay, ...data };
    await this.#writer.append(db, { entity: `dock/${id}`, type, data: about, actor });
  }
}
