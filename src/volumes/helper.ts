import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { StationError, throwIfCancelled } from '../errors.ts';
import { VOLUME_CLOSE_GRACE_MS, VOLUME_MOUNT_DEADLINE_MS } from '../limits.ts';
import { mountAt } from './mount-table.ts';
import { abandon, runVolumeTool, TOOL_ENVIRONMENT, textOf, toolFailed } from './tools.ts';

/**
 * A filesystem in user space: a helper that stays in the foreground as our child while its mount
 * lives. The kernel kills it when this process dies, so it can never outlive its drive.
 */

const POLL_MS = 20;
const COMPLAINT_CHARACTERS = 2000;

export interface HelperCall {
  readonly tool: string;
  readonly args: readonly string[];
  readonly mountPoint: string;
  /** Handed on as descriptor 3, for a key. */
  readonly keyFd?: number;
}

export interface Helper {
  /** What it has said so far; for the log. */
  readonly words: () => string;
  /** Unmounts and ends it, bounded; gives what did not go away. */
  close(): Promise<readonly string[]>;
}

/** Waits until the mount is there. Throws `tool-failed`, `tool-timed-out`, `cancelled`. */
export async function startHelper(call: HelperCall, signal: AbortSignal): Promise<Helper> {
  throwIfCancelled(signal);
  const args = ['--pdeathsig', 'KILL', '--', call.tool, ...call.args];
  const child = spawn('setpriv', args, {
    env: TOOL_ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'pipe', call.keyFd ?? 'ignore'],
    detached: true,
  });
  const words = [
    textOf(child, 'stdout', COMPLAINT_CHARACTERS),
    textOf(child, 'stderr', COMPLAINT_CHARACTERS),
  ];
  const helper = {
    words: () => words.map((text) => text()).join(''),
    close: () => end(child, call),
  };
  try {
    await mounted(child, call, { words: helper.words, signal });
    return helper;
  } catch (error) {
    await helper.close();
    throw error;
  }
}

interface Wait {
  readonly words: () => string;
  readonly signal: AbortSignal;
}

async function mounted(
  child: ChildProcess,
  call: HelperCall,
  { words, signal }: Wait,
): Promise<void> {
  const { tool, mountPoint } = call;
  let refusal: unknown;
  child.once('error', (error) => {
    refusal = error;
  });
  for (let waitedMs = 0; waitedMs < VOLUME_MOUNT_DEADLINE_MS; waitedMs += POLL_MS) {
    throwIfCancelled(signal);
    if (hasEnded(child) || refusal !== undefined) {
      const detail = words().trim() || `ended by ${child.signalCode ?? 'itself'}`;
      throw toolFailed({ tool, exitCode: child.exitCode, detail }, refusal);
    }
    if ((await mountAt(mountPoint)) !== undefined) return;
    await sleep(POLL_MS);
  }
  const deadlineMs = VOLUME_MOUNT_DEADLINE_MS;
  const message = `${tool} had not mounted the volume after ${deadlineMs} ms`;
  throw new StationError('tool-timed-out', message, { tool, deadlineMs });
}

async function end(
  child: ChildProcess,
  { tool, mountPoint }: HelperCall,
): Promise<readonly string[]> {
  const left = await unmount(mountPoint);
  for (const signalName of ['SIGTERM', 'SIGKILL'] as const) {
    if (await ended(child, VOLUME_CLOSE_GRACE_MS)) return left;
    child.kill(signalName);
  }
  if (await ended(child, VOLUME_CLOSE_GRACE_MS)) return left;
  abandon(child, tool);
  return [...left, `${tool} (process ${child.pid})`];
}

async function ended(child: ChildProcess, deadlineMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < deadlineMs; waitedMs += POLL_MS) {
    if (hasEnded(child) || child.pid === undefined) return true;
    await sleep(POLL_MS);
  }
  return false;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

const UNMOUNT_DEADLINE_MS = 10_000;

/**
 * Unmounts; a mount that is in use, or whose helper does not answer, is taken out of sight and goes
 * when its last user does. Gives what is still mounted.
 */
export async function unmount(mountPoint: string): Promise<readonly string[]> {
  // Nobody may cancel the clearing up; each call has its deadline.
  const signal = new AbortController().signal;
  for (const force of [[], ['--lazy'], ['--force', '--lazy']]) {
    if ((await mountAt(mountPoint)) === undefined) return [];
    const args = ['--internal-only', '--no-canonicalize', ...force, mountPoint];
    const call = { tool: 'umount', args, deadlineMs: UNMOUNT_DEADLINE_MS };
    await runVolumeTool(call, signal).catch(() => undefined);
  }
  return (await mountAt(mountPoint)) === undefined ? [] : [`the mount ${mountPoint}`];
}
