import type { BlobPlan } from '../domain/plan.ts';
import { StationError } from '../errors.ts';
import type { SourceDevice } from './device.ts';

/** How a disk that is still plugged in failed, as errors of the catalogue. */

/** One place of it does not read; `lengthBytes` is what was asked for. */
export function badPlace(
  devicePath: string,
  offsetBytes: number,
  { errno, lengthBytes, cause }: { errno: string; lengthBytes: number; cause: unknown },
): StationError<'disk-read-failed'> {
  const words = `${devicePath} could not be read at byte ${offsetBytes} (${errno})`;
  const payload = { devicePath, offsetBytes, lengthBytes, errno };
  return new StationError('disk-read-failed', words, payload, cause);
}

/** Nothing of it reads any more. */
export function diskGivenUp(
  devicePath: string,
  offsetBytes: number,
  { errno, kernelLines, cause }: { errno: string; kernelLines: readonly string[]; cause: unknown },
): StationError<'disk-given-up'> {
  const last = kernelLines.at(-1);
  const told = last === undefined ? errno : `${errno}; the kernel said: ${last}`;
  const words = `${devicePath} is plugged in, but the kernel reads nothing of it any more (${told})`;
  return new StationError('disk-given-up', words, { devicePath, offsetBytes, errno }, cause);
}

/** It is another disk, or one that tells rubbish. */
export function contentChanged(
  { devicePath }: Pick<SourceDevice, 'devicePath'>,
  blob: BlobPlan,
  block: number,
): StationError<'disk-content-changed'> {
  return new StationError(
    'disk-content-changed',
    `${devicePath} does not hold what block ${block} of ${blob.name} was copied from`,
    { devicePath, blob: blob.name, block },
  );
}

/** The same, of a place that is no block. */
export function placeChanged(
  { devicePath }: Pick<SourceDevice, 'devicePath'>,
  offsetBytes: number,
): StationError<'disk-content-changed'> {
  const words = `${devicePath} does not hold at byte ${offsetBytes} what was copied from there`;
  return new StationError('disk-content-changed', words, { devicePath, offsetBytes });
}
