import { type ChildProcess, spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import type { DetectLogger } from './contract.ts';
import { type UdevEvent, UdevEventParser } from './udev-events.ts';

export interface UdevMonitorOptions {
  /** The socket that exists while udevd runs. */
  readonly controlSocket?: string;
  readonly command?: string;
  /** Pause before the first restart in milliseconds; doubled up to `retryMaxMs`. */
  readonly retryMinMs?: number;
  readonly retryMaxMs?: number;
}

export interface UdevMonitorDependencies {
  readonly logger: DetectLogger;
  onEvent(event: UdevEvent): void;
  /** Called when events begin or stop to arrive: what happened in between has to be scanned for. */
  onStateChange(listening: boolean): void;
}

const CONTROL_SOCKET = '/run/udev/control';
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 30_000;
/** From the start of the tool until it must have printed its banner. */
const BANNER_DEADLINE_MS = 5_000;
const ARGUMENTS = ['monitor', '--kernel', '--udev', '--property', '--subsystem-match=block'];

/**
 * A long-running `udevadm monitor`. When it ends it is started again after a growing pause, and while
 * udevd is absent its socket is looked for at the same pace. Events say only that something changed.
 */
export class UdevMonitor {
  readonly #options: UdevMonitorOptions;
  readonly #deps: UdevMonitorDependencies;
  readonly #firstTry = Promise.withResolvers<void>();
  #child: ChildProcess | undefined;
  #retry: NodeJS.Timeout | undefined;
  #pauseMs: number;
  #listening = false;
  #closed = false;

  constructor(options: UdevMonitorOptions, dependencies: UdevMonitorDependencies) {
    this.#options = options;
    this.#deps = dependencies;
    this.#pauseMs = options.retryMinMs ?? RETRY_MIN_MS;
  }

  get listening(): boolean {
    return this.#listening;
  }

  /** Ends when the monitor listens, or when it is clear that udev cannot be listened to for now. */
  async start(): Promise<void> {
    void this.#attempt();
    await this.#firstTry.promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#firstTry.resolve();
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async #attempt(): Promise<void> {
    try {
      await access(this.#options.controlSocket ?? CONTROL_SOCKET);
    } catch {
      this.#giveUp('udevd is not running');
      return;
    }
    if (!this.#closed) this.#spawn();
  }

  #spawn(): void {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
    // Typed as one that may have no pipes: without a descriptor for them there are none.
    const child: ChildProcess = spawn(this.#options.command ?? 'udevadm', ARGUMENTS, { stdio });
    this.#child = child;
    const parser = new UdevEventParser();
    const silent = setTimeout(() => child.kill('SIGKILL'), BANNER_DEADLINE_MS);
    child.stdout?.on('data', (chunk: Buffer) => {
      clearTimeout(silent);
      this.#heard();
      for (const event of parser.push(chunk)) this.#deps.onEvent(event);
    });
    let detail = 'udevadm monitor ended';
    child.once('error', (error) => {
      detail = error.message;
    });
    child.once('close', () => {
      clearTimeout(silent);
      this.#child = undefined;
      this.#giveUp(detail);
    });
  }

  /** The first bytes are the banner, which udevadm prints once its sockets are bound. */
  #heard(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#pauseMs = this.#options.retryMinMs ?? RETRY_MIN_MS;
    this.#deps.logger.info({ detection: 'udev' }, 'udev events are the trigger of detection');
    this.#deps.onStateChange(true);
    this.#firstTry.resolve();
  }

  #giveUp(reason: string): void {
    this.#firstTry.resolve();
    if (this.#closed) return;
    if (this.#listening) {
      this.#listening = false;
      this.#deps.logger.warn(
        { reason },
        'udev events stopped; scanning periodically until they return',
      );
      this.#deps.onStateChange(false);
    }
    this.#retry = setTimeout(() => void this.#attempt(), this.#pauseMs);
    this.#retry.unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, this.#options.retryMaxMs ?? RETRY_MAX_MS);
  }
}
