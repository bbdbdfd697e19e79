import type { AttachedDisk, BridgeId } from '../domain/disk.ts';
import { dockOf, placeKey, type Rebinding } from '../domain/dock.ts';
import type { ResetOutcome } from '../domain/hang-ladder.ts';
import type { DriveRef } from '../domain/job.ts';
import type { Ledger } from '../ledger/contract.ts';
import type { DiskHolders } from './disk-holders.ts';
import type { Floor } from './floor.ts';

export interface DockBindingOptions {
  /** Whether a bridge that hangs with UAS may be bound to `usb-storage`. */
  readonly rebindUsb: boolean;
}

export interface DockBindingDependencies {
  readonly ledger: Pick<Ledger, 'docks'>;
  readonly holders: Pick<DiskHolders, 'leftBehindOn'>;
  readonly floor: Floor;
  readonly logger: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
  rebind(disk: AttachedDisk & { readonly bridge: BridgeId }): Promise<ResetOutcome>;
  /** Looks at what is attached. */
  lookAgain(): Promise<void>;
  now(): Date;
}

/**
 * Goes by what was learned of bridges: one that hangs with UAS is bound to `usb-storage`, between two
 * attempts at a copy, when nothing has its disk open. For the rest of the station that is a pull and a
 * replug. It is tried once for each bridge in a port until it works, so that no disk is replugged for ever.
 */
export class DockBinding {
  readonly #options: DockBindingOptions;
  readonly #deps: DockBindingDependencies;
  /** Places at which it was tried. */
  readonly #tried = new Set<string>();
  readonly #failures = new Map<string, string>();

  constructor(options: DockBindingOptions, dependencies: DockBindingDependencies) {
    this.#options = options;
    this.#deps = dependencies;
  }

  get rebinding(): Rebinding {
    return { isAllowed: this.#options.rebindUsb, failures: this.#failures };
  }

  /** Drives of these disks whose copies are to end in order, so that their docks can be bound anew. */
  async dueFor(disks: readonly AttachedDisk[]): Promise<readonly DriveRef[]> {
    const due = new Set<string>();
    for (const disk of disks)
      if ((await this.#bridgeToRebind(disk)) !== undefined) due.add(disk.key);
    return [...this.#deps.floor.working.values()]
      .filter(({ disk, vitals }) => vitals !== undefined && due.has(disk))
      .map(({ ref }) => ref);
  }

  /** Before an attempt; whether the disk has left and will be back by itself. */
  async beforeCopy(disk: AttachedDisk, ref: DriveRef): Promise<boolean> {
    const bridge = await this.#bridgeToRebind(disk);
    if (bridge === undefined) return false;
    const { bay, diskseq } = disk;
    const place = placeKey(dockOf(disk));
    const { logger, floor, holders, now } = this.#deps;
    if (holders.leftBehindOn(diskseq) !== undefined) return false;
    this.#tried.add(place);
    const outcome = await this.#deps.rebind({ ...disk, bridge });
    if (outcome.kind !== 'done') {
      this.#failures.set(place, outcome.words);
      logger.warn({ bay, bridge, reason: outcome.words }, 'the dock was not bound to usb-storage');
      return false;
    }
    logger.info({ bay, bridge }, 'the dock is bound to usb-storage instead of UAS');
    floor.detached(ref, now().toISOString());
    await this.#deps.lookAgain();
    return true;
  }

  async #bridgeToRebind(disk: AttachedDisk): Promise<BridgeId | undefined> {
    const { bridge, driver, port } = dockOf(disk);
    const place = placeKey({ port, bridge });
    if (driver === 'usb-storage') this.#forget(place);
    if (bridge === null || driver !== 'uas' || !this.#options.rebindUsb) return undefined;
    if (this.#tried.has(place)) {
      if (!this.#failures.has(place)) this.#failures.set(place, 'it came back with UAS');
      return undefined;
    }
    const quirks = await this.#deps.ledger.docks.quirks();
    return quirks.some((quirk) => quirk.bridge === bridge) ? bridge : undefined;
  }

  #forget(place: string): void {
    this.#tried.delete(place);
    this.#failures.delete(place);
  }
}
