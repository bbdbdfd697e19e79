import type { Extent } from '../plan.ts';
import { AREA_STATUSES, type Area, type AreaStatus, endOf, type RescueMap } from './map.ts';
import { PASSES, type Pass, type ReadUnit, retryPass } from './passes.ts';

export interface RescueRules {
  /** Lengths of the reads in bytes, each a multiple of the next. */
  readonly unitBytes: Readonly<Record<ReadUnit, number>>;
  /** Passes over single bad sectors after the first read of each. */
  readonly retries: number;
  /** Before the retries; the usual order unless given. */
  readonly passes?: readonly Pass[];
  /** A run of bad sectors this long that gave nothing at the first retry is not retried again. */
  readonly deadRunBytes: number;
  /** Time for one area in a pass, for one pass, and for all of them, in milliseconds of reading. */
  readonly budgetMs: { readonly area: number; readonly pass: number; readonly drive: number };
  /** Bad places that have no retries. */
  readonly leftOut?: readonly Extent[];
  /** With so many areas the map is not refined any further. */
  readonly maxAreas: number;
}

/** Where a rescue stands; with the map it is all that an interrupted one needs to go on. */
export interface Standing {
  readonly status: Pass['status'] | 'finished';
  readonly pass: number;
  readonly positionBytes: number;
  readonly spentMs: number;
}

export interface ReadOutcome {
  readonly ok: boolean;
  readonly elapsedMs: number;
}

/** What a pass reads in one go where nothing fails, from its head or from its tail. */
interface Reach {
  readonly extent: Extent;
  readonly from: 'head' | 'tail';
}

/** Why a rescue reads no more. */
export type RescueEnd = 'done' | 'time-is-up' | 'too-many-areas';

/**
 * Says what to read next of a disk with bad places, given how the reads before went. It reads nothing and
 * knows no clock. Every sector is tried once in a larger read, once alone, and then once in each retry;
 * never again after it was read. Alone means as a physical sector, but in the last retry.
 *
 * Budgets keep one place from taking all the time: an area or a pass that used up its own is left for a
 * later round, and every round reads something of each area, so that nothing stays untried while the
 * drive's own budget lasts. When that is used up, or the map has too many areas, what is left stays in
 * the map as what it is, and is never taken for read.
 */
export class Rescue {
  readonly map: RescueMap;
  readonly #rules: RescueRules;
  #passes: readonly Pass[];
  #index = 0;
  #retry: number;
  #position: number | undefined;
  #spentMs: number;
  #passMs = 0;
  #area: { readonly extent: Extent; ms: number } | undefined;
  #end: RescueEnd | undefined;
  #reach: Reach | undefined;
  /** Where an interrupted retry goes on. */
  #resumeAt: number | undefined;

  /** Goes on from `standing` with the retries; the passes before those are done as far as they are. */
  constructor(rules: RescueRules, map: RescueMap, standing?: Standing) {
    this.map = map;
    this.#rules = rules;
    this.#passes = rules.passes ?? PASSES;
    this.#spentMs = standing?.spentMs ?? 0;
    this.#retry = 0;
    if (standing?.status === 'bad') {
      this.#retry = standing.pass - 1;
      this.#resumeAt = standing.positionBytes;
    }
    if (standing?.status === 'finished') this.#retry = rules.retries;
  }

  get end(): RescueEnd | undefined {
    return this.#end;
  }

  get standing(): Standing {
    const spentMs = Math.round(this.#spentMs);
    if (this.#end === 'done') return { status: 'finished', pass: 1, positionBytes: 0, spentMs };
    return { ...this.#place(), spentMs };
  }

  #place(): Omit<Standing, 'spentMs'> {
    const pass = this.#passes[this.#index];
    // Retries that were begun by an earlier attempt stay begun while other passes come before them.
    if (this.#retry > 0 || this.#resumeAt !== undefined) {
      const number = pass?.status === 'bad' ? this.#retry : this.#retry + 1;
      const position = pass?.status === 'bad' ? this.#position : this.#resumeAt;
      const positionBytes = position ?? this.#startOf(this.#retryPass(number));
      return { status: 'bad', pass: number, positionBytes };
    }
    if (pass === undefined) return { status: 'bad', pass: 1, positionBytes: this.map.sizeBytes };
    const positionBytes = this.#position ?? this.#startOf(pass);
    return { status: pass.status, pass: pass.number, positionBytes };
  }

  /** The next read; `undefined` when there is none, and `end` says why. */
  next(): Extent | undefined {
    for (;;) {
      if (this.#end !== undefined) return undefined;
      const pass = this.#passes[this.#index];
      if (pass === undefined) {
        this.#goOn();
        continue;
      }
      this.#reach = this.#isStopped() ? undefined : this.#reachOf(pass);
      if (this.#end !== undefined) return undefined;
      if (this.#reach !== undefined) return this.#first(this.#reach, pass.unit);
      this.#index++;
      this.#enter();
    }
  }

  /** Whether nothing of the extent will be read again, however long the rescue goes on. */
  isDone(extent: Extent): boolean {
    if (this.#end !== undefined || this.map.isAll(extent, 'finished')) return true;
    const pass = this.#passes[this.#index];
    // Nothing is open in the retries, and behind the last one nothing follows.
    if (pass?.status !== 'bad' || this.#retry < this.#rules.retries) return false;
    const position = this.#position ?? this.#startOf(pass);
    for (const area of this.map.within(extent)) {
      const isAhead =
        pass.way === 'backwards' ? area.offsetBytes < position : endOf(area) > position;
      if (isAhead && area.status === pass.status && !this.#isDead(area, pass)) return false;
    }
    return true;
  }

  /**
   * The read that `next` asked for, and those that it will ask for behind it as long as each of them comes:
   * they need no decision between them, and may be recorded as one. A retry goes read by read, as each that
   * comes is worth being written down.
   */
  *run(): Generator<Extent> {
    const pass = this.#passes[this.#index];
    let reach = this.#reach;
    while (pass !== undefined && reach !== undefined) {
      const read = this.#first(reach, pass.unit);
      yield read;
      reach = pass.status === 'bad' ? undefined : behind(reach, read);
    }
  }

  /** How the read that `next` asked for went. */
  record(read: Extent, { ok, elapsedMs }: ReadOutcome): void {
    const pass = this.#passes[this.#index];
    if (pass === undefined) throw new RangeError('no read was asked for');
    this.map.mark(read, ok ? 'finished' : pass.failed);
    this.#spentMs += elapsedMs;
    this.#passMs += elapsedMs;
    if (this.#area !== undefined) this.#area.ms += elapsedMs;
    this.#position = pass.way === 'backwards' ? read.offsetBytes : this.#behind(pass, read);
    if (!ok && pass.onError === 'until-error' && pass.way === 'backwards') this.#leaveArea(pass);
    else if ((this.#area?.ms ?? 0) >= this.#rules.budgetMs.area) this.#leaveArea(pass);
  }

  /** Reading edges finds its place in the map: both ends of an area are looked at again. */
  #behind(pass: Pass, read: Extent): number {
    return pass.way === 'edges' ? (this.#position ?? 0) : endOf(read);
  }

  #leaveArea(pass: Pass): void {
    const extent = this.#area?.extent;
    if (extent === undefined) return;
    this.#position = pass.way === 'backwards' ? extent.offsetBytes : endOf(extent);
    this.#area = undefined;
  }

  #isStopped(): boolean {
    if (this.#spentMs >= this.#rules.budgetMs.drive) this.#end = 'time-is-up';
    else if (this.map.areaCount >= this.#rules.maxAreas) this.#end = 'too-many-areas';
    else return this.#passMs >= this.#rules.budgetMs.pass;
    if (this.map.missingBytes === 0) this.#end = 'done';
    return true;
  }

  #reachOf(pass: Pass): Reach | undefined {
    switch (pass.way) {
      case 'forwards':
        return this.#forwards(pass);
      case 'backwards':
        return this.#backwards(pass);
      case 'edges':
        return this.#edges(pass);
    }
  }

  #forwards(pass: Pass): Reach | undefined {
    let area = this.map.next(pass.status, this.#position ?? 0);
    while (area !== undefined && this.#isDead(area, pass)) {
      area = this.map.next(pass.status, endOf(area));
    }
    if (area === undefined) return undefined;
    this.#enterArea(area);
    return { extent: area, from: 'head' };
  }

  #backwards(pass: Pass): Reach | undefined {
    let area = this.map.previous(pass.status, this.#position ?? this.map.sizeBytes);
    while (area !== undefined && this.#isDead(area, pass)) {
      area = this.map.previous(pass.status, area.offsetBytes);
    }
    if (area === undefined) return undefined;
    this.#enterArea(area);
    return { extent: area, from: 'tail' };
  }

  /** A retry that gave anything of a run has cut it: a long one that is left gave nothing. */
  #isDead({ offsetBytes }: Area, pass: Pass): boolean {
    if (pass.status !== 'bad' || pass.number === 1) return false;
    const { physicalSector, logicalSector } = this.#rules.unitBytes;
    // Nothing of it was tried by logical sectors yet.
    if (pass.unit === 'logicalSector' && physicalSector > logicalSector) return false;
    return this.map.at(offsetBytes).lengthBytes >= this.#rules.deadRunBytes;
  }

  #edges(pass: Pass): Reach | undefined {
    for (;;) {
      const area = this.map.next(pass.status, this.#position ?? 0);
      if (area === undefined) return undefined;
      this.#enterArea(area);
      if (!this.#failsAt(area.offsetBytes - 1, pass)) return { extent: area, from: 'head' };
      if (!this.#failsAt(endOf(area), pass)) return { extent: area, from: 'tail' };
      this.#position = endOf(area);
    }
  }

  /** Whether a read of the pass's size, or of a smaller one, failed there. */
  #failsAt(offsetBytes: number, pass: Pass): boolean {
    if (offsetBytes < 0 || offsetBytes >= this.map.sizeBytes) return false;
    const { status } = this.map.at(offsetBytes);
    return status !== 'finished' && rank(status) > rank(pass.status);
  }

  /** Time counts for an area as long as reads stay inside of what it was at first. */
  #enterArea(area: Area): void {
    const known = this.#area?.extent;
    const inside =
      known !== undefined && area.offsetBytes >= known.offsetBytes && endOf(area) <= endOf(known);
    if (!inside) this.#area = { extent: area, ms: 0 };
  }

  /** The first read of what is open, up to the next line of the grid. */
  #first({ extent, from }: Reach, unit: ReadUnit): Extent {
    const grid = this.#rules.unitBytes[unit];
    const { offsetBytes } = extent;
    if (from === 'head') {
      const line = (Math.floor(offsetBytes / grid) + 1) * grid;
      return { offsetBytes, lengthBytes: Math.min(line - offsetBytes, extent.lengthBytes) };
    }
    const line = Math.max((Math.ceil(endOf(extent) / grid) - 1) * grid, offsetBytes);
    return { offsetBytes: line, lengthBytes: endOf(extent) - line };
  }

  /** Behind the last pass: another round for what budgets left, or a retry, or the end. */
  #goOn(): void {
    const { map } = this;
    const open = map.missingBytes - map.bytesOf('bad');
    if (open === 0) this.#leaveOut();
    if (open > 0) this.#passes = this.#rules.passes ?? PASSES;
    else if (map.bytesOf('bad') > 0 && this.#retry < this.#rules.retries) {
      this.#retry++;
      this.#passes = [this.#retryPass(this.#retry)];
    } else {
      this.#end = 'done';
      return;
    }
    this.#index = 0;
    this.#enter();
  }

  /** Until here they were bad, so that nobody began to read beside them. */
  #leaveOut(): void {
    for (const place of this.#rules.leftOut ?? []) this.map.mark(place, 'finished');
  }

  #enter(): void {
    this.#passMs = 0;
    this.#area = undefined;
    this.#position = undefined;
    if (this.#passes[this.#index]?.status !== 'bad') return;
    this.#position = this.#resumeAt;
    this.#resumeAt = undefined;
  }

  #retryPass(number: number): Pass {
    return retryPass(number, number >= this.#rules.retries);
  }

  #startOf(pass: Pass): number {
    return pass.way === 'backwards' ? this.map.sizeBytes : 0;
  }
}

/** What is left of it behind its first read. */
function behind({ extent, from }: Reach, read: Extent): Reach | undefined {
  const lengthBytes = extent.lengthBytes - read.lengthBytes;
  if (lengthBytes === 0) return undefined;
  const offsetBytes = from === 'head' ? endOf(read) : extent.offsetBytes;
  return { extent: { offsetBytes, lengthBytes }, from };
}

function rank(status: AreaStatus): number {
  return AREA_STATUSES.indexOf(status);
}
