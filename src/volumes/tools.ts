import { type ChildProcess, spawn } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { StationError, throwIfCancelled } from '../errors.ts';
import { TOOL_OUTPUT_MAX_BYTES, VOLUME_TOOL_DEADLINE_MS } from '../limits.ts';

/** The system's tools, run so that they can be given up, and told only what they need. */

const TOOL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Nothing of the station's environment, which may hold credentials. */
export const TOOL_ENVIRONMENT = { PATH: TOOL_PATH, LC_ALL: 'C.UTF-8' } as const;
const COMPLAINT_CHARACTERS = 500;

export interface ToolCall {
  readonly tool: string;
  readonly args: readonly string[];
  /** What it reads from its standard input; for what must not stand in an argument. */
  readonly input?: Buffer;
  readonly deadlineMs?: number;
}

/**
 * Runs a tool to its end and gives what it printed. After the deadline it is killed and nobody waits
 * for it. Throws `tool-failed`, `tool-timed-out`, `cancelled`.
 */
export async function runVolumeTool(call: ToolCall, signal: AbortSignal): Promise<string> {
  throwIfCancelled(signal);
  const { tool, deadlineMs = VOLUME_TOOL_DEADLINE_MS } = call;
  const options = { env: TOOL_ENVIRONMENT, stdio: 'pipe', detached: true } as const;
  // Without a descriptor left there is a child, and it has no pipes.
  const child: ChildProcess = spawn(tool, call.args, options);
  const late = AbortSignal.timeout(deadlineMs);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const output = textOf(child, 'stdout', TOOL_OUTPUT_MAX_BYTES);
  const complaint = textOf(child, 'stderr', COMPLAINT_CHARACTERS);
  const fail = (exitCode: number | null, detail: string, cause?: unknown) =>
    reject(toolFailed({ tool, exitCode, detail }, cause));
  child.once('error', (cause) => fail(null, cause.message, cause));
  child.once('close', (exitCode) => {
    if (exitCode === 0) resolve(output());
    else fail(exitCode, complaint().trim() || `exit code ${exitCode}`);
  });
  const onStop = () => {
    abandon(child, tool);
    const words = `${tool} gave no answer within ${deadlineMs} ms`;
    reject(new StationError('tool-timed-out', words, { tool, deadlineMs }));
  };
  const stop = AbortSignal.any([signal, late]);
  stop.addEventListener('abort', onStop, { once: true });
  // A tool that ends before it has read its input closes the pipe; its exit code says the rest.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(call.input);
  try {
    return await promise;
  } catch (error) {
    throwIfCancelled(signal);
    throw error;
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}

/** Keeps the last characters of what a child prints. */
export function textOf(
  child: ChildProcess,
  stream: 'stdout' | 'stderr',
  most: number,
): () => string {
  let text = '';
  child[stream]?.setEncoding('utf8').on('data', (piece: string) => {
    text = `${text}${piece}`.slice(-most);
  });
  return () => text;
}

/** Where a process hears of the tools that it had to abandon: each is an `AbandonedTool`. */
export const ABANDONED_TOOLS = channel('drive-station:tool-abandoned');

export interface AbandonedTool {
  readonly tool: string;
  /** Its process group. */
  readonly group: number;
}

/** Kills a child that does not answer, and lets go of it. */
export function abandon(child: ChildProcess, tool: string): void {
  child.kill('SIGKILL');
  if (child.pid !== undefined) {
    ABANDONED_TOOLS.publish({ tool, group: child.pid } satisfies AbandonedTool);
  }
  child.stdin?.destroy();
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.unref();
}

interface Failure {
  readonly tool: string;
  readonly exitCode: number | null;
  readonly detail: string;
}

export function toolFailed(failure: Failure, cause?: unknown): StationError<'tool-failed'> {
  const words = `${failure.tool} failed: ${failure.detail}`;
  return new StationError('tool-failed', words, { ...failure }, cause);
}

/** Whether the system has this tool. */
export async function hasTool(name: string): Promise<boolean> {
  const places = TOOL_PATH.split(':').map((directory) => join(directory, name));
  const found = await Promise.all(places.map((place) => isUsable(place, constants.X_OK)));
  return found.includes(true);
}

/** Whether this process may open FUSE, without which no filesystem helper can mount. */
export function hasFuse(): Promise<boolean> {
  return isUsable('/dev/fuse', constants.R_OK | constants.W_OK);
}

/** Whether this process may make devices of the device mapper. */
export function hasDeviceMapper(): Promise<boolean> {
  return isUsable('/dev/mapper/control', constants.R_OK | constants.W_OK);
}

async function isUsable(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** What this station lacks, all of it at once. Throws `volume-tools-missing`. */
export function toolsMissing(missing: readonly string[]): StationError<'volume-tools-missing'> {
  const words = `this station cannot open the drive without ${missing.join(' and ')}`;
  return new StationError('volume-tools-missing', words, { missing });
}
