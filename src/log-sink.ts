import { write, writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';
import { errnoOf, messageOf } from './errors.ts';
import { LOG_WAITING_BYTES } from './limits.ts';

/** Pause before a log that could not be written is tried again. */
const RETRY_MS = 1000;
/** Errors after which nobody will ever read what is written. */
const CLOSED: ReadonlySet<string> = new Set(['EPIPE', 'EBADF', 'ECONNRESET']);

/**
 * Writes the lines of the log to a descriptor without ever stopping the station: not when its disk is
 * full, not when nobody reads, not when the reader has gone. So many bytes wait; what comes beyond is
 * dropped, and the log says how many lines are missing as soon as it can be written again.
 */
export class LogSink implements DestinationStream {
  readonly #descriptor: number;
  readonly #retryMs: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #dropReason = 'nobody reads it';
  #isWriting = false;
  #isClosed = false;

  constructor(descriptor: number, { retryMs = RETRY_MS }: { readonly retryMs?: number } = {}) {
    this.#descriptor = descriptor;
    this.#retryMs = retryMs;
  }

  write(line: string): void {
    if (this.#isClosed) return;
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > LOG_WAITING_BYTES) {
      this.#dropped += 1;
      return;
    }
    this.#take(bytes);
    if (!this.#isWriting) this.#next();
  }

  /** Writes what still waits, once, before the process exits. */
  flush(): void {
    if (this.#isClosed || this.#waiting.length === 0) return;
    try {
      writeSync(this.#descriptor, Buffer.concat(this.#waiting));
    } catch {
      // There is nobody left to tell.
    }
    this.#waiting = [];
  }

  #take(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  #next(): void {
    if (this.#waiting.length === 0 && this.#dropped > 0) this.#take(this.#lineOfDropped());
    if (this.#waiting.length === 0) return;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#isWriting = true;
    write(this.#descriptor, bytes, (error, written) => this.#wrote(bytes, written ?? 0, error));
  }

  #wrote(bytes: Buffer, written: number, error: Error | null): void {
    this.#isWriting = false;
    this.#waitingBytes -= written;
    // A write may take less than it was given.
    if (written < bytes.length) this.#waiting.unshift(bytes.subarray(written));
    if (error === null) this.#next();
    else if (CLOSED.has(errnoOf(error) ?? '')) this.#close(error);
    else this.#nextLater(error);
  }

  #nextLater(error: Error): void {
    this.#dropReason = messageOf(error);
    this.#isWriting = true;
    const retry = () => {
      this.#isWriting = false;
      this.#next();
    };
    setTimeout(retry, this.#retryMs).unref();
  }

  #close(error: Error): void {
    this.#isClosed = true;
    this.#waiting = [];
    try {
      writeSync(2, `drive-station: nobody reads the log any more: ${messageOf(error)}\n`);
    } catch {
      // Nor that.
    }
  }

  /** In the shape of the other lines. */
  #lineOfDropped(): Buffer {
    const [level, msg] = [40, 'lines of this log are missing: it could not be written'];
    const fields = { level, time: new Date().toISOString(), service: 'drive-station' };
    const lost = { subsystem: 'log', lines: this.#dropped, reason: this.#dropReason };
    this.#dropped = 0;
    return Buffer.from(`${JSON.stringify({ ...fields, ...lost, msg })}\n`);
  }
}
