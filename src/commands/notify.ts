import { runTool } from '../detect/tool.ts';
import { messageOf } from '../errors.ts';

export interface NotifyLogger {
  warn(fields: object, message: string): void;
}

/**
 * Tells the service manager that the station is ready, where one asked to be told (sd_notify(3)).
 * Node.js has no datagram sockets of the Unix kind, so `systemd-notify` carries the message; the unit
 * allows it with `NotifyAccess=all`. A failure is only logged: the manager's own deadline decides.
 */
export async function notifyReady(
  status: string,
  { env, logger }: { env: NodeJS.ProcessEnv; logger: NotifyLogger },
): Promise<void> {
  if (env.NOTIFY_SOCKET === undefined) return;
  // A line end would begin another message.
  const line = status.replace(/\s+/gu, ' ');
  try {
    const args = ['--ready', `--status=${line}`];
    await runTool({ command: 'systemd-notify', args, env }, new AbortController().signal);
  } catch (error) {
    logger.warn({ reason: messageOf(error) }, 'the service manager was not told of the start');
  }
}
