import { type DockSign, type SeenDock, samePlace } from '../domain/dock.ts';

interface AtPlace {
  seen: SeenDock;
  readonly signs: Map<string, DockSign>;
}

/** What was noticed between two looks, added up by place, kind and disk. */
export class Noticed {
  readonly #places: AtPlace[] = [];
  /** When a disk was last told to be bad; it need not be said each second of a day of bad places. */
  readonly #toldMs: Map<string, number>;

  /** @param before what was noticed until the look before */
  constructor(before?: Noticed) {
    this.#toldMs = before === undefined ? new Map() : before.#toldMs;
  }

  add(seen: SeenDock, sign: DockSign): void {
    if (sign.kind === 'medium' && sign.disk === '') return;
    let place = this.#places.find((known) => samePlace(known.seen, seen));
    if (place === undefined) {
      place = { seen, signs: new Map() };
      this.#places.push(place);
    }
    const key = JSON.stringify([sign.kind, sign.disk, sign.others]);
    const count = (place.signs.get(key)?.count ?? 0) + sign.count;
    place.signs.set(key, { ...sign, count });
  }

  /** By place; that a disk is bad only when it was not told in the last quarter of the window. */
  worthTelling(
    nowMs: number,
    windowMs: number,
  ): readonly { readonly seen: SeenDock; readonly signs: readonly DockSign[] }[] {
    const told = this.#places.map(({ seen, signs }) => ({
      seen,
      signs: [...signs.values()].filter(
        ({ kind, disk }) => kind !== 'medium' || this.#isNews(seen, disk, { nowMs, windowMs }),
      ),
    }));
    return told.filter(({ signs }) => signs.length > 0);
  }

  #isNews(
    { port, bridge }: SeenDock,
    disk: string,
    { nowMs, windowMs }: { readonly nowMs: number; readonly windowMs: number },
  ): boolean {
    const key = JSON.stringify([port, bridge, disk]);
    const toldMs = this.#toldMs.get(key);
    if (toldMs !== undefined && nowMs - toldMs < windowMs / 4) return false;
    for (const [other, atMs] of this.#toldMs) {
      if (nowMs - atMs >= windowMs / 4) this.#toldMs.delete(other);
    }
    this.#toldMs.set(key, nowMs);
    return true;
  }
}
