import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DiskFault } from '../src/detect/identity-file.ts';
import { isStationError } from '../src/errors.ts';
import { emptyBay } from '../src/loopback/bay.ts';
import type {
  AttachOrder,
  AttachStrategy,
  Backing,
  LoopDisk,
  PlugOptions,
} from '../src/loopback/contract.ts';
import { updateCapacity } from '../src/loopback/loop-device.ts';
import { plug } from '../src/loopback/plug.ts';
import { builtHelper } from './fuse-helper/build.ts';
import { FuseHelper } from './fuse-helper/helper.ts';

export type { DiskFault } from '../src/detect/identity-file.ts';
export { fuseHelpersUnavailable as faultDiskUnavailable } from './fuse-helper/build.ts';

/**
 * Disks with faults that are set while they are read: a FUSE file with a loop device on it, so that a
 * reader meets real errors of the block layer.
 */

const SOURCE = join(import.meta.dirname, 'fault-disk/fault-disk.c');
const EIO = 5;

const countersSchema = z.object({
  /** Requests of the block layer, which cuts and joins what programs ask for. */
  reads: z.int(),
  bytes: z.int(),
  errors: z.int(),
  /** Requests that wait in a `hang` now. */
  hanging: z.int(),
  /** In the order of injection; `reads` counts the requests that met the fault. */
  faults: z.array(
    z.object({
      kind: z.enum(['read-error', 'delay', 'hang', 'corrupt']),
      offsetBytes: z.int(),
      lengthBytes: z.int(),
      reads: z.int(),
    }),
  ),
});

export type FaultCounters = z.output<typeof countersSchema>;

export interface FaultControls {
  /** Adds faults to those that are set. */
  inject(faults: readonly DiskFault[]): Promise<void>;
  /** Drops all faults and lets reads that wait go on. */
  clear(): Promise<void>;
  /** The same, and sets these before a read that waited can have come to another place. */
  replace(faults: readonly DiskFault[]): Promise<void>;
  counters(): Promise<FaultCounters>;
  /** The process id of the helper. */
  readonly helperPid: number | undefined;
}

export interface FaultDisk extends FaultControls, AsyncDisposable {
  readonly disk: LoopDisk;
  /** Takes the disk out and ends the helper; no read hangs after this. */
  close(): Promise<void>;
}

export interface FaultDiskOptions extends Omit<PlugOptions, 'attach'> {
  /** Besides those of the identity. */
  readonly faults?: readonly DiskFault[];
}

/** Plugs an image in as a disk with faults. The image itself is read, and never written to. */
export async function faultDisk(
  imagePath: string,
  options: FaultDiskOptions = {},
): Promise<FaultDisk> {
  const { faults = [], ...plugOptions } = options;
  const found = Promise.withResolvers<FaultControls>();
  const attach: AttachStrategy = async (order) => {
    const { backing, controls } = await faultBacking(order, faults);
    found.resolve(controls);
    return backing;
  };
  const disk = await plug(imagePath, { ...plugOptions, attach });
  const controls = await found.promise;
  const close = async () => {
    await disk[Symbol.asyncDispose]();
  };
  return {
    disk,
    inject: controls.inject,
    clear: controls.clear,
    replace: controls.replace,
    counters: controls.counters,
    helperPid: controls.helperPid,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The strategy for `plug` that carries out the faults of the identity. */
export const attachWithFaults: AttachStrategy = async (order) =>
  (await faultBacking(order, [])).backing;

/** Only the file, without a loop device on it. */
export async function faultBacking(
  order: AttachOrder,
  faults: readonly DiskFault[],
): Promise<{ backing: Backing; controls: FaultControls }> {
  const { imagePath, pluggedPath } = order;
  const program = await builtHelper(SOURCE);
  await writeFile(pluggedPath, '', { flag: 'wx' });
  const helper = await FuseHelper.start(program, [imagePath, pluggedPath]);
  const backing = backingOf(helper, pluggedPath);
  const controls = controlsOf(helper);
  try {
    await controls.inject([...(order.identity.faults ?? []), ...faults]);
  } catch (error) {
    await backing.close();
    throw error;
  }
  return { backing, controls };
}

function controlsOf(helper: FuseHelper): FaultControls {
  return {
    inject: async (faults) => {
      for (const fault of faults) await helper.command(commandOf(fault));
    },
    clear: async () => {
      await helper.command('clear');
    },
    replace: (faults) => helper.commands(['clear', ...faults.map(commandOf)]),
    counters: async () => countersSchema.parse(await helper.command('counters')),
    helperPid: helper.pid,
  };
}

function backingOf(helper: FuseHelper, pluggedPath: string): Backing {
  let closing: Promise<void> | undefined;
  return {
    fail: async () => {
      await helper.command(`fail ${EIO}`);
    },
    vanish: async (loop) => {
      await helper.command('size 0');
      // The kernel keeps the size that it saw last until somebody asks.
      await stat(pluggedPath);
      await updateCapacity(loop);
    },
    release: async () => {
      try {
        await helper.command('clear');
      } catch (error) {
        // A helper that has ended keeps nothing waiting.
        if (!isStationError(error, 'tool-failed')) throw error;
      }
    },
    close: () => {
      closing ??= helper.end().then(() => emptyBay(pluggedPath));
      return closing;
    },
  };
}

function commandOf(fault: DiskFault): string {
  const range = `${fault.offsetBytes} ${fault.lengthBytes}`;
  switch (fault.kind) {
    case 'read-error':
      return `read-error ${range} ${fault.errno} ${fault.times ?? -1}`;
    case 'delay':
      return `delay ${range} ${fault.delayMs}`;
    case 'hang':
      return `hang ${range} ${fault.maxSeconds * 1000}`;
    case 'corrupt':
      return `corrupt ${range}`;
  }
}
