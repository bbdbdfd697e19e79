/** Tasks on their way into better-queue, by id: never two for one id. */
export class Offers {
  readonly #offers = new Map<string, Promise<void>>();

  /** One offer an id at a time, on record from its first step; a second one waits for the first. */
  async make(id: string, offer: () => Promise<void>): Promise<void> {
    const known = this.#offers.get(id);
    if (known !== undefined) return await known;
    const mine = offer().finally(() => this.#offers.delete(id));
    this.#offers.set(id, mine);
    await mine;
  }

  /** Resolves when the offer of an id is over, if there is one; rejects as that does. */
  async over(id: string): Promise<void> {
    await this.#offers.get(id);
  }

  /** Resolves when all of them are over, however they ended. */
  async allOver(): Promise<void> {
    await Promise.allSettled(this.#offers.values());
  }
}
