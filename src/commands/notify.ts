import { runTool } from '../detect/tool.ts';
import { messageOf } from '../errors.ts';
import { START_WORD_MS } from '../limits.ts';

export interface NotifyLogger {
  warn(fields: object, message: string): void;
}

export interface ServiceManager {
  readonly env: NodeJS.ProcessEnv;
  readonly logger: NotifyLogger;
  /** Milliseconds since this process was started. */
  readonly uptimeMs?: () => number;
}

/**
 * What the service manager is told of the start, where one asked to be told (sd_notify(3)). Node.js has no
 * datagram sockets of the Unix kind, so `systemd-notify` carries the messages; the unit allows it with
 * `NotifyAccess=all`. A failure is only logged: the manager's own deadline decides.
 */
export class StartNotices {
  readonly #manager: Required<ServiceManager>;
  #toldAtMs = 0;
  /** Each message after the one before: none may come behind the last. */
  #last: Promise<void> = Promise.resolve();

  constructor({ uptimeMs = () => performance.now(), ...manager }: ServiceManager) {
    this.#manager = { ...manager, uptimeMs };
  }

  /**
   * The start has come a step further; told where it is slow. It asks for no more time: while a large
   * ledger is checked nothing can be said, so the unit's own deadline allows for the longest start.
   */
  async step(name: string): Promise<void> {
    const nowMs = this.#manager.uptimeMs();
    if (nowMs - this.#toldAtMs < START_WORD_MS) return;
    this.#toldAtMs = nowMs;
    await this.#tell([`--status=Starting, slowly: ${name}`]);
  }

  async ready(status: string): Promise<void> {
    // A line end would begin another message.
    await this.#tell(['--ready', `--status=${status.replace(/\s+/gu, ' ')}`]);
  }

  #tell(args: readonly string[]): Promise<void> {
    this.#last = this.#last.then(() => this.#send(args));
    return this.#last;
  }

  async #send(args: readonly string[]): Promise<void> {
    const { env, logger } = this.#manager;
    if (env.NOTIFY_SOCKET === undefined) return;
    try {
      await runTool({ command: 'systemd-notify', args, env }, new AbortController().signal);
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, 'the service manager was not told of the start');
    }
  }
}
