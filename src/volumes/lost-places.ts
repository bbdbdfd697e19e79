import { isStationError, type StationError } from '../errors.ts';
import type { ReadRange } from './bytes.ts';
import type { VolumeNote } from './contract.ts';

/** Places that could not be read, and without which a disk could be opened. */

export type LostPlace = StationError<'disk-read-failed'>;

/**
 * Reads what there are copies of: a place that cannot be read is as good as one that is not there, and is
 * kept in `lost`, for whoever finds no copy either and for whoever tells of it. A disk that left is thrown.
 */
export function sparing(read: ReadRange, lost: LostPlace[]): ReadRange {
  return async (offsetBytes, lengthBytes) => {
    try {
      return await read(offsetBytes, lengthBytes);
    } catch (error) {
      if (!isStationError(error, 'disk-read-failed')) throw error;
      lost.push(error);
      return undefined;
    }
  };
}

/** One note for all of them, or none. */
export function lostNotes(lost: readonly LostPlace[]): VolumeNote[] {
  if (lost.length === 0) return [];
  const ranges = lost.map(({ payload: { offsetBytes, lengthBytes } }) => {
    return `${offsetBytes}-${offsetBytes + lengthBytes - 1}`;
  });
  const places = [...new Set(ranges)].join(', ');
  const words = `bytes ${places} of the disk cannot be read: it could be opened without them`;
  return [{ code: 'places-unreadable', words }];
}
