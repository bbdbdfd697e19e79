import type { DueAlert } from '../domain/alert.ts';

/** What the station itself can suffer from; each is the kind of its alert. */
export type TroubleKind = Extract<
  DueAlert['kind'],
  | 'state-disk'
  | 'cannot-start-copies'
  | 'clock-jumped'
  | 'ledger-not-backed-up'
  | 'secrets-of-other-key'
>;

export interface Trouble {
  readonly kind: TroubleKind;
  /** ISO 8601. */
  readonly since: string;
  /** What is the case and what it would take, in full sentences. */
  readonly reason: string;
}

/** No copy is started while one of these lasts: it would only fail as the last one did. */
const HOLDS_COPIES: { readonly [Kind in TroubleKind]: boolean } = {
  'state-disk': true,
  'cannot-start-copies': true,
  'clock-jumped': false,
  'ledger-not-backed-up': false,
  'secrets-of-other-key': false,
};

export interface TroublesDependencies {
  readonly logger: {
    warn(fields: object, message: string): void;
    info(fields: object, message: string): void;
  };
  now(): Date;
  onChange(): void;
}

/**
 * What the station itself suffers from at the moment. Kept in memory: after a restart each is found
 * again, or is over. The operators see them as alerts, which the ledger keeps.
 */
export class Troubles {
  readonly #deps: TroublesDependencies;
  readonly #held = new Map<TroubleKind, Trouble>();

  constructor(dependencies: TroublesDependencies) {
    this.#deps = dependencies;
  }

  /** It is so, or is so still, in these words. */
  hold(kind: TroubleKind, reason: string): void {
    const known = this.#held.get(kind);
    if (known?.reason === reason) return;
    const since = known?.since ?? this.#deps.now().toISOString();
    this.#held.set(kind, { kind, since, reason });
    if (known === undefined) this.#deps.logger.warn({ trouble: kind }, reason);
    this.#deps.onChange();
  }

  end(kind: TroubleKind): void {
    if (!this.#held.delete(kind)) return;
    this.#deps.logger.info({ trouble: kind }, 'the trouble is over');
    this.#deps.onChange();
  }

  has(kind: TroubleKind): boolean {
    return this.#held.has(kind);
  }

  /** Why no copy is started; `undefined` while nothing speaks against it. */
  get holdsCopies(): string | undefined {
    return this.#held.values().find(({ kind }) => HOLDS_COPIES[kind])?.reason;
  }

  get alerts(): DueAlert[] {
    return [...this.#held.values()].map(({ kind, since, reason }) => ({
      key: `${kind}/${since}`,
      ...{ kind, subject: {}, reason },
    }));
  }
}
