import { StationError } from '../errors.ts';

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
