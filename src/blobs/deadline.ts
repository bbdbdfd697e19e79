import { StationError, throwIfCancelled } from '../errors.ts';

/** The caller's signal with a time-out of our own, and the knowledge which of the two fired. */
export class Deadline implements Disposable {
  readonly #parent: AbortSignal;
  readonly #timeoutMs: number;
  readonly #controller = new AbortController();
  readonly #forward = () => this.#controller.abort(this.#parent.reason);
  #timer: NodeJS.Timeout | undefined;

  /** An infinite time-out sets no timer. The timer starts with `arm`. */
  constructor(options: { readonly timeoutMs: number }, parent: AbortSignal) {
    this.#parent = parent;
    this.#timeoutMs = options.timeoutMs;
    if (parent.aborted) this.#forward();
    else parent.addEventListener('abort', this.#forward, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Starts the time-out, from zero when it runs already. */
  arm(): void {
    this.disarm();
    if (!Number.isFinite(this.#timeoutMs)) return;
    this.#timer = setTimeout(() => this.#controller.abort(), this.#timeoutMs);
  }

  disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** What an error means: `cancelled` by the caller, our time-out, or just what it says. */
  explain(error: unknown, operation: string): unknown {
    throwIfCancelled(this.#parent);
    if (!this.signal.aborted) return error;
    const detail = `no answer within ${this.#timeoutMs} ms`;
    const words = `${operation}: the blob store does not answer: ${detail}`;
    return new StationError('storage-unavailable', words, { operation, detail }, error);
  }

  [Symbol.dispose](): void {
    this.disarm();
    this.#parent.removeEventListener('abort', this.#forward);
  }
}
