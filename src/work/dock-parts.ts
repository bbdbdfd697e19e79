import type { Detector } from '../detect/detector.ts';
import { errorCountsOf } from '../detect/error-counts.ts';
import { UsbRebinding } from '../detect/usb-rebind.ts';
import type { AttachedDisk } from '../domain/disk.ts';
import { type Dock, type DockLimits, dockOf, samePlace } from '../domain/dock.ts';
import { KernelRecords } from '../kernel-records.ts';
import type { Ledger } from '../ledger/contract.ts';
import type { Coordinator } from './coordinator.ts';
import type { DiskHolders } from './disk-holders.ts';
import { DockBinding, type DockBindingOptions } from './dock-binding.ts';
import { DockWatch, type DockWatchOptions } from './dock-watch.ts';
import type { Floor } from './floor.ts';
import type { Keep } from './opened-parts.ts';

/** Keys of the configuration. */
export interface DockOptions {
  readonly docks: DockLimits & DockBindingOptions;
  readonly detect: Pick<DockWatchOptions, 'settleMs'>;
}

export interface DockDependencies {
  readonly ledger: Ledger;
  readonly detector: Detector;
  readonly holders: DiskHolders;
  readonly floor: Floor;
  readonly logger: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
  now(): Date;
  readonly closing: AbortSignal;
}

/** Who decides is built after what looks at docks. */
export type DockFollower = Pick<Coordinator, 'pauseForDock' | 'poke'>;

export interface Docks {
  readonly watch: DockWatch;
  readonly binding: DockBinding;
  start(follower: DockFollower): void;
}

/** The looking for docks that do not hold, and what the station does about them by itself. */
export async function watchDocks(
  { docks, detect: { settleMs } }: DockOptions,
  { closing, ...deps }: DockDependencies,
  keep: Keep,
): Promise<Docks> {
  const records = await KernelRecords.open();
  if (records === undefined) deps.logger.info({}, 'the kernel’s log may not be read');
  else keep('kernel log', records, (part) => part[Symbol.asyncDispose]());
  const watch = new DockWatch(
    { ...docks, settleMs },
    { ...deps, records, bootUs, errorCounts: errorCountsOf },
  );
  keep('dock watch', watch, (part) => part.close());
  const rebinding = new UsbRebinding();
  const binding = new DockBinding(docks, {
    ...deps,
    rebind: (disk) =>
      rebinding.rebind(disk, { onLeaving: () => watch.expectReplug(disk) }, closing),
    lookAgain: () => deps.detector.rescan(),
  });
  const start = (follower: DockFollower) =>
    watch.start(async (dock) => {
      const disks = deps.detector.facts().disks.filter((disk) => isIn(disk, dock));
      for (const ref of await binding.dueFor(disks)) follower.pauseForDock(ref);
      void follower.poke();
    });
  return { watch, binding, start };
}

function isIn(disk: AttachedDisk, dock: Dock | undefined): boolean {
  return dock !== undefined && dock.unreliableSince !== null && samePlace(dockOf(disk), dock);
}

/** By the clock that the kernel's log goes by. */
function bootUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
