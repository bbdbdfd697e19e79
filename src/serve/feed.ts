import { isDeepStrictEqual } from 'node:util';
import { WS_DELTA_RING } from '../limits.ts';
import { inKeyOrder } from './view.ts';
import type { Change, Cursor, Delta, Snapshot, StationView } from './wire.ts';

export interface FeedOptions {
  /** Drawn anew at each start of the daemon, 1-64 characters. */
  readonly epoch: string;
  /** Deltas kept for clients that missed some. */
  readonly ringSize?: number;
}

/** The key under which the one station entity travels. */
const STATION_KEY = 'station';

/**
 * The live feed: the last published view and the numbered differences that led to it. A client that
 * holds the view of number n and applies the deltas n+1 … m holds the view of number m.
 */
export class Feed {
  readonly epoch: string;
  readonly #ringSize: number;
  readonly #listeners = new Set<(delta: Delta) => void>();
  #ring: readonly Delta[] = [];
  #view: StationView;
  #sequence = 0;

  constructor(options: FeedOptions, initial: StationView) {
    this.epoch = options.epoch;
    this.#ringSize = options.ringSize ?? WS_DELTA_RING;
    this.#view = inKeyOrder(initial);
  }

  get view(): StationView {
    return this.#view;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Makes `view` the current one and tells the listeners; nothing when it says nothing new. */
  publish(view: StationView): Delta | undefined {
    const next = inKeyOrder(view);
    const changes = difference(this.#view, next);
    if (changes.length === 0) return undefined;
    this.#view = next;
    this.#sequence += 1;
    const delta: Delta = { type: 'delta', sequence: this.#sequence, changes };
    this.#ring = [...this.#ring, delta].slice(-this.#ringSize);
    for (const listener of this.#listeners) listener(delta);
    return delta;
  }

  snapshot(): Snapshot {
    return { type: 'snapshot', epoch: this.epoch, sequence: this.#sequence, view: this.#view };
  }

  /** What came after `sequence`, in order; `too-old` when the ring no longer reaches that far back. */
  since(sequence: number): readonly Delta[] | 'too-old' {
    const missed = this.#sequence - sequence;
    if (missed < 0 || missed > this.#ring.length) return 'too-old';
    return missed === 0 ? [] : this.#ring.slice(-missed);
  }

  /** As `since`, for a client that may have been talking to an earlier run of the daemon. */
  sinceCursor(cursor: Cursor): readonly Delta[] | 'too-old' {
    return cursor.epoch === this.epoch ? this.since(cursor.sequence) : 'too-old';
  }

  /** Calls back after each publication that changed something; the answer ends it. */
  subscribe(listener: (delta: Delta) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function difference(before: StationView, after: StationView): Change[] {
  const changes: Change[] = [];
  if (!isDeepStrictEqual(before.station, after.station)) {
    changes.push({ entity: 'station', op: 'put', key: STATION_KEY, value: after.station });
  }
  const jobs = compare(before.jobs, after.jobs, (job) => job.id);
  const drives = compare(before.drives, after.drives, (drive) => drive.key);
  const disks = compare(before.disks, after.disks, (disk) => disk.key);
  const alerts = compare(before.alerts, after.alerts, (alert) => alert.id);
  for (const [key, value] of jobs.put) changes.push({ entity: 'job', op: 'put', key, value });
  for (const [key, value] of drives.put) changes.push({ entity: 'drive', op: 'put', key, value });
  for (const [key, value] of disks.put) changes.push({ entity: 'disk', op: 'put', key, value });
  for (const [key, value] of alerts.put) changes.push({ entity: 'alert', op: 'put', key, value });
  for (const key of jobs.gone) changes.push({ entity: 'job', op: 'remove', key });
  for (const key of drives.gone) changes.push({ entity: 'drive', op: 'remove', key });
  for (const key of disks.gone) changes.push({ entity: 'disk', op: 'remove', key });
  for (const key of alerts.gone) changes.push({ entity: 'alert', op: 'remove', key });
  return changes;
}

interface Comparison<T> {
  readonly put: readonly (readonly [string, T])[];
  readonly gone: readonly string[];
}

function compare<T>(
  before: readonly T[],
  after: readonly T[],
  keyOf: (item: T) => string,
): Comparison<T> {
  const old = new Map(before.map((item) => [keyOf(item), item]));
  const now = new Map(after.map((item) => [keyOf(item), item]));
  return {
    put: [...now].filter(([key, item]) => !isDeepStrictEqual(old.get(key), item)),
    gone: [...old.keys()].filter((key) => !now.has(key)),
  };
}
