/**
 * Sees to it that what was removed leaves the files of the database as well, however often that has to
 * be asked for. Counted, not flagged: a removal that comes while a purge runs needs another one.
 */
export class Purging {
  readonly #purge: () => Promise<boolean>;
  #removals = 0;
  #purged = 0;

  /**
   * The purge makes what was removed unreadable in every file of the database. It answers false when
   * something is in its way, a reader for instance.
   */
  constructor(purge: () => Promise<boolean>) {
    this.#purge = purge;
  }

  /** Called within the transaction that removes something. */
  note(): void {
    this.#removals += 1;
  }

  /** Called after a transaction, never within one; what cannot be done now is left to the next call. */
  async catchUp(): Promise<void> {
    const removals = this.#removals;
    if (this.#purged < removals && (await this.#purge())) {
      this.#purged = Math.max(this.#purged, removals);
    }
  }
}
