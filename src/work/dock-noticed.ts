import { type DockSign, type SeenDock, samePlace } from '../domain/dock.ts';

interface AtPlace {
  seen: SeenDock;
  readonly signs: Map<string, DockSign>;
}

/** What was noticed and is not in the ledger, added up by place, kind and disk. */
export class Noticed {
  #places: AtPlace[] = [];
  /** When a disk was last told to be bad; it need not be said each second of a day of bad places. */
  readonly #toldMs = new Map<string, number>();

  add(seen: SeenDock, sign: DockSign): void {
    if (sign.kind === 'medium' && sign.disk === '') return;
    let place = this.#places.find((known) => samePlace(known.seen, seen));
    if (place === undefined) {
      place = { seen, signs: new Map() };
      this.#places.push(place);
    }
    place.seen = seen;
    const key = keyOf(sign);
    const count = (place.signs.get(key)?.count ?? 0) + sign.count;
    place.signs.set(key, { ...sign, count });
  }

  /** By place; that a disk is bad only when it was not told in the last quarter of the window. */
  worthTelling(
    nowMs: number,
    windowMs: number,
  ): readonly { readonly seen: SeenDock; readonly signs: readonly DockSign[] }[] {
    for (const [key, atMs] of this.#toldMs) {
      if (nowMs - atMs >= windowMs / 4) this.#toldMs.delete(key);
    }
    for (const { seen, signs } of this.#places) {
      for (const [key, sign] of signs) {
        if (sign.kind === 'medium' && this.#toldMs.has(badKeyOf(seen, sign))) signs.delete(key);
      }
    }
    this.#places = this.#places.filter(({ signs }) => signs.size > 0);
    return this.#places.map(({ seen, signs }) => ({ seen, signs: [...signs.values()] }));
  }

  /** The ledger holds these; what was noticed since they were asked for is left. */
  wereTold(seen: SeenDock, told: readonly DockSign[], nowMs: number): void {
    const place = this.#places.find((known) => samePlace(known.seen, seen));
    for (const sign of told) {
      if (sign.kind === 'medium') this.#toldMs.set(badKeyOf(seen, sign), nowMs);
      const key = keyOf(sign);
      const left = (place?.signs.get(key)?.count ?? 0) - sign.count;
      if (left > 0) place?.signs.set(key, { ...sign, count: left });
      else place?.signs.delete(key);
    }
  }
}

function keyOf({ kind, disk, others }: DockSign): string {
  return JSON.stringify([kind, disk, others]);
}

function badKeyOf({ port, bridge }: SeenDock, { disk }: DockSign): string {
  return JSON.stringify([port, bridge, disk]);
}
