import { type FileHandle, open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isStationError, StationError, throwIfCancelled } from '../errors.ts';
import { VOLUME_CLOSE_GRACE_MS } from '../limits.ts';
import type { Range } from './bytes.ts';
import type { VolumeSource } from './contract.ts';
import { runVolumeTool, toolFailed } from './tools.ts';

/**
 * A read-only block device over one range of the disk, so that what opens a volume sees nothing else
 * and no partition needs a device node. It is detached as soon as we hold it open: from then on the
 * kernel frees it at the last close, also when this process is killed.
 */

const LOOP_PATH = /^\/dev\/(loop\d+)$/u;
/** Another program can take the free device between the search and the attach. */
const ATTEMPTS = 4;
const POLL_MS = 20;

export interface LoopWindow {
  readonly devicePath: string;
  /** Lets go of it, bounded; gives what did not go away. */
  close(): Promise<readonly string[]>;
}

/** Throws `tool-failed`, `tool-timed-out`, `disk-not-readonly`, `cancelled`. */
export async function openLoopWindow(
  source: VolumeSource,
  range: Range,
  signal: AbortSignal,
): Promise<LoopWindow> {
  throwIfCancelled(signal);
  // Not to be cancelled half-way: the device could be attached and nobody know its name.
  const devicePath = await attach(source, range);
  const name = LOOP_PATH.exec(devicePath)?.[1];
  if (name === undefined) {
    throw toolFailed({ tool: 'losetup', exitCode: 0, detail: 'it named no loop device' });
  }
  const diskseq = await attribute(name, 'diskseq');
  let hold: FileHandle | undefined;
  try {
    hold = await open(devicePath, 'r');
  } finally {
    await runVolumeTool({ tool: 'losetup', args: ['--detach', devicePath] }, UNSTOPPABLE);
  }
  const held = hold;
  const close = async () => {
    await held.close();
    return (await isGone(name, diskseq)) ? [] : [`the loop device ${devicePath}`];
  };
  if ((await attribute(name, 'ro')) === '1') return { devicePath, close };
  await close();
  throw new StationError('disk-not-readonly', `${devicePath} is writable`, { devicePath });
}

/** Clearing up is not cancelled; each step has a deadline of its own. */
const UNSTOPPABLE = new AbortController().signal;

async function attach(source: VolumeSource, range: Range): Promise<string> {
  const { offsetBytes, lengthBytes } = range;
  const whole = [offsetBytes, lengthBytes].every((bytes) => bytes % source.sectorBytes === 0);
  const place = ['--offset', String(offsetBytes), '--sizelimit', String(lengthBytes)];
  const sectors = ['--sector-size', String(whole ? source.sectorBytes : 512)];
  // Direct: through the cache, some kernels fill up with zeros what a disk that left does not give.
  const mode = ['--read-only', '--direct-io=on'];
  const args = ['--find', '--show', ...mode, ...place, ...sectors, source.devicePath];
  for (let attempt = 1; ; attempt++) {
    try {
      return (await runVolumeTool({ tool: 'losetup', args }, UNSTOPPABLE)).trim();
    } catch (error) {
      if (attempt >= ATTEMPTS || !isStationError(error, 'tool-failed')) throw error;
    }
  }
}

async function isGone(name: string, diskseq: string | undefined): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < VOLUME_CLOSE_GRACE_MS; waitedMs += POLL_MS) {
    const backing = await attribute(name, 'loop/backing_file');
    if (backing === undefined || (await attribute(name, 'diskseq')) !== diskseq) return true;
    await sleep(POLL_MS);
  }
  return false;
}

async function attribute(name: string, path: string): Promise<string | undefined> {
  try {
    return (await readFile(`/sys/block/${name}/${path}`, 'utf8')).trim();
  } catch {
    return undefined;
  }
}
