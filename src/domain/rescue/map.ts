import type { Extent } from '../plan.ts';

/**
 * How far the reading of an area has come: not tried at all; failed as a whole; failed, and trimmed from
 * its edges; failed as a single sector; read. The words are those of GNU ddrescue, whose map file has
 * them all.
 */
export const AREA_STATUSES = [
  'non-tried',
  'non-trimmed',
  'non-scraped',
  'bad',
  'finished',
] as const;
export type AreaStatus = (typeof AREA_STATUSES)[number];

/** A run of bytes of the disk that are all in one state, as long as it goes. */
export interface Area extends Extent {
  readonly status: AreaStatus;
}

/**
 * What is known of every byte of a disk. Areas are contiguous, cover the disk, and neighbours differ, so
 * the map grows with the number of changes alone: a disk of any size that reads well has one area.
 */
export class RescueMap {
  readonly sizeBytes: number;
  /** Ascending; an area ends where the next one starts. */
  readonly #starts: number[] = [0];
  readonly #statuses: AreaStatus[];
  readonly #bytes: Record<AreaStatus, number>;

  /** A disk of which all bytes are in one state. `sizeBytes` is at least 1. */
  constructor(sizeBytes: number, status: AreaStatus = 'non-tried') {
    this.sizeBytes = sizeBytes;
    this.#statuses = [status];
    this.#bytes = { 'non-tried': 0, 'non-trimmed': 0, 'non-scraped': 0, bad: 0, finished: 0 };
    this.#bytes[status] = sizeBytes;
  }

  get areaCount(): number {
    return this.#starts.length;
  }

  bytesOf(status: AreaStatus): number {
    return this.#bytes[status];
  }

  /** Bytes that were not read: tried or not. */
  get missingBytes(): number {
    return this.sizeBytes - this.#bytes.finished;
  }

  /** The area that holds the byte; an offset on the disk. */
  at(offsetBytes: number): Area {
    return this.#area(this.#indexAt(offsetBytes));
  }

  /** The areas from the one that holds the byte, in order. */
  *areas(fromBytes = 0): Generator<Area> {
    for (let index = this.#indexAt(fromBytes); index < this.#starts.length; index++) {
      yield this.#area(index);
    }
  }

  /** What of each area lies within the extent, in order. */
  *within({ offsetBytes, lengthBytes }: Extent): Generator<Area> {
    const end = offsetBytes + lengthBytes;
    for (const area of this.areas(offsetBytes)) {
      if (area.offsetBytes >= end) return;
      const from = Math.max(area.offsetBytes, offsetBytes);
      const to = Math.min(endOf(area), end);
      yield { offsetBytes: from, lengthBytes: to - from, status: area.status };
    }
  }

  /** Whether every byte of the extent is in that state. */
  isAll(extent: Extent, status: AreaStatus): boolean {
    const area = this.at(extent.offsetBytes);
    return area.status === status && endOf(area) >= endOf(extent);
  }

  /** The first part at or behind the offset that is in that state. */
  next(status: AreaStatus, fromBytes: number): Area | undefined {
    if (this.#bytes[status] === 0 || fromBytes >= this.sizeBytes) return undefined;
    for (const area of this.areas(fromBytes)) {
      if (area.status !== status) continue;
      const from = Math.max(area.offsetBytes, fromBytes);
      return { offsetBytes: from, lengthBytes: endOf(area) - from, status };
    }
    return undefined;
  }

  /** The last part before the offset that is in that state. */
  previous(status: AreaStatus, beforeBytes: number): Area | undefined {
    if (this.#bytes[status] === 0 || beforeBytes <= 0) return undefined;
    for (let index = this.#indexAt(beforeBytes - 1); index >= 0; index--) {
      if (this.#statuses[index] !== status) continue;
      const { offsetBytes, lengthBytes } = this.#area(index);
      const to = Math.min(offsetBytes + lengthBytes, beforeBytes);
      return { offsetBytes, lengthBytes: to - offsetBytes, status };
    }
    return undefined;
  }

  /** Puts an extent of the disk into a state; areas that are alike then become one. */
  mark({ offsetBytes, lengthBytes }: Extent, status: AreaStatus): void {
    if (lengthBytes <= 0) return;
    const end = offsetBytes + lengthBytes;
    for (const area of this.within({ offsetBytes, lengthBytes })) {
      this.#bytes[area.status] -= area.lengthBytes;
    }
    this.#bytes[status] += lengthBytes;
    const first = this.#indexAt(offsetBytes);
    const last = this.#indexAt(end - 1);
    const before = this.#area(first);
    const behind = this.#area(last);
    const parts: [number, AreaStatus][] = [];
    if (before.offsetBytes < offsetBytes) parts.push([before.offsetBytes, before.status]);
    parts.push([offsetBytes, status]);
    if (end < endOf(behind)) parts.push([end, behind.status]);
    this.#replace(first, last, parts);
  }

  /** Puts parts into the place of areas, joined with each other and their neighbours where alike. */
  #replace(first: number, last: number, parts: readonly [number, AreaStatus][]): void {
    const starts: number[] = [];
    const statuses: AreaStatus[] = [];
    let status = this.#statuses[first - 1];
    for (const [start, next] of parts) {
      if (next === status) continue;
      starts.push(start);
      statuses.push(next);
      status = next;
    }
    const joinsBehind = this.#statuses[last + 1] === status ? 1 : 0;
    const removed = last - first + 1 + joinsBehind;
    this.#starts.splice(first, removed, ...starts);
    this.#statuses.splice(first, removed, ...statuses);
  }

  /** The last area that starts at or before the offset. */
  #indexAt(offsetBytes: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offsetBytes) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #area(index: number): Area {
    const offsetBytes = this.#starts[index] ?? 0;
    const end = this.#starts[index + 1] ?? this.sizeBytes;
    const status = this.#statuses[index] ?? 'non-tried';
    return { offsetBytes, lengthBytes: end - offsetBytes, status };
  }
}

export function endOf({ offsetBytes, lengthBytes }: Extent): number {
  return offsetBytes + lengthBytes;
}
