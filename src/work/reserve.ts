import { messageOf } from '../errors.ts';

export interface ReserveParts {
  readonly reserveBytes: number;
  readonly intervalMs: number;
  freeBytes(signal: AbortSignal): Promise<number>;
  onChange(state: { readonly below: boolean }): void;
  readonly logger: { warn(fields: object, message: string): void };
}

/**
 * Watches the free space where state and journals lie. Below the reserve the station takes no new
 * drive and keeps the running ones: their journals have the room that is left.
 */
export class Reserve {
  readonly #parts: ReserveParts;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #freeBytes: number | null = null;

  constructor(parts: ReserveParts) {
    this.#parts = parts;
  }

  /** `null` until it is known. */
  get freeBytes(): number | null {
    return this.#freeBytes;
  }

  get below(): boolean {
    return this.#freeBytes !== null && this.#freeBytes < this.#parts.reserveBytes;
  }

  start(): void {
    void this.#look();
  }

  close(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { logger, intervalMs, onChange } = this.#parts;
    const before = this.below;
    try {
      this.#freeBytes = await this.#parts.freeBytes(this.#stop.signal);
      if (this.below !== before) {
        logger.warn(
          { freeBytes: this.#freeBytes, below: this.below },
          'free space and the reserve',
        );
      }
      onChange({ below: this.below });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      logger.warn({ reason: messageOf(error) }, 'free space could not be looked at');
    }
    if (!this.#stop.signal.aborted) this.#timer = setTimeout(() => void this.#look(), intervalMs);
  }
}
