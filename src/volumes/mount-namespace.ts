import { isStationError, messageOf } from '../errors.ts';
import { runVolumeTool } from './tools.ts';

/**
 * A copy process runs in a mount namespace of its own: what it mounts is seen by nobody else, and is
 * gone when the process is, however it ends. `unshare` makes the namespace and becomes the command, so
 * that the process id and an open IPC channel stay what they were.
 */

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

/** The command line that runs a command with private mounts. */
export function withPrivateMounts({ command, args }: Command): Command {
  const own = ['--mount', '--propagation', 'private', '--', command, ...args];
  return { command: 'unshare', args: own };
}

/** Why private mounts cannot be had here, in words; `undefined` when they can. */
export async function privateMountsUnavailable(signal: AbortSignal): Promise<string | undefined> {
  const { command, args } = withPrivateMounts({ command: 'true', args: [] });
  try {
    await runVolumeTool({ tool: command, args }, signal);
    return undefined;
  } catch (error) {
    if (isStationError(error, 'tool-failed', 'tool-timed-out')) {
      return `a mount namespace cannot be made (${messageOf(error)}); it needs CAP_SYS_ADMIN`;
    }
    throw error;
  }
}
