import { type ChildProcess, spawn } from 'node:child_process';
import { StationError, throwIfCancelled } from '../errors.ts';
import { TOOL_DEADLINE_MS, TOOL_OUTPUT_MAX_BYTES } from '../limits.ts';

export interface Tool {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds until the tool is abandoned. */
  readonly deadlineMs?: number;
  /** Whether it has answered with that exit code; 0 alone is an answer unless given. */
  readonly isAnswer?: (exitCode: number) => boolean;
  /** Called when a tool that was abandoned has ended after all. */
  readonly onLateEnd?: () => void;
  /** Called when a tool is abandoned, with the id of its process group. */
  readonly onAbandoned?: (group: number) => void;
}

/** What is kept of a tool's complaints for an error message. */
const STDERR_TAIL_CHARACTERS = 500;

/**
 * Runs a tool in a process group of its own and answers what it printed. A tool that looks at a disk
 * can hang in the kernel where no signal reaches it: after the deadline the group is killed, its
 * pipes are closed, and nobody waits for it.
 *
 * Throws `tool-failed`, `tool-timed-out` or `cancelled`.
 */
export async function runTool(tool: Tool, signal: AbortSignal): Promise<string> {
  throwIfCancelled(signal);
  const child = spawn(tool.command, tool.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: tool.env ?? process.env,
  });
  const deadlineMs = tool.deadlineMs ?? TOOL_DEADLINE_MS;
  const late = AbortSignal.timeout(deadlineMs);
  const stop = AbortSignal.any([signal, late]);
  try {
    return await outcomeOf(child, tool, stop);
  } catch (error) {
    if (!stop.aborted) throw error;
    abandon(child, tool);
    throwIfCancelled(signal);
    const message = `${tool.command} did not answer within ${deadlineMs} ms`;
    throw new StationError('tool-timed-out', message, { tool: tool.command, deadlineMs });
  }
}

/** The whole output once the pipes are closed and the exit code was 0. */
function outcomeOf(child: ChildProcess, tool: Tool, stop: AbortSignal): Promise<string> {
  const { isAnswer = (exitCode: number) => exitCode === 0 } = tool;
  const chunks: Buffer[] = [];
  let kept = 0;
  let complaints = '';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const fail = (exitCode: number | null, detail: string, cause?: unknown) =>
    reject(failure(tool, exitCode, detail, cause));
  child.stdout?.on('data', (chunk: Buffer) => {
    kept += chunk.length;
    if (kept <= TOOL_OUTPUT_MAX_BYTES) chunks.push(chunk);
    else killGroup(child);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints = `${complaints}${chunk}`.slice(-STDERR_TAIL_CHARACTERS);
  });
  child.once('error', (cause) => fail(null, cause.message, cause));
  child.once('close', (exitCode, signalName) => {
    if (kept > TOOL_OUTPUT_MAX_BYTES) fail(exitCode, 'its output is too long');
    else if (exitCode !== null && isAnswer(exitCode))
      resolve(Buffer.concat(chunks).toString('utf8'));
    else fail(exitCode, complaints.trim() || endInWords(exitCode, signalName));
  });
  const onStop = () => fail(null, 'stopped');
  stop.addEventListener('abort', onStop, { once: true });
  return promise.finally(() => stop.removeEventListener('abort', onStop));
}

function endInWords(exitCode: number | null, signalName: NodeJS.Signals | null): string {
  return signalName === null ? `exit code ${exitCode}` : `ended by ${signalName}`;
}

function failure(tool: Tool, exitCode: number | null, detail: string, cause?: unknown) {
  const payload = { tool: tool.command, exitCode, detail };
  return new StationError('tool-failed', `${tool.command} failed: ${detail}`, payload, cause);
}

function abandon(child: ChildProcess, { onLateEnd, onAbandoned }: Tool): void {
  if (onLateEnd !== undefined) child.once('close', onLateEnd);
  if (child.pid !== undefined) onAbandoned?.(child.pid);
  killGroup(child);
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.unref();
}

/** Kills the tool and what it started; a group that is already gone is no error. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || isOver(child)) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

/** It has ended, and nothing that it started and did not wait for holds its pipes. */
function isOver({ exitCode, signalCode, stdout, stderr }: ChildProcess): boolean {
  const hasEnded = exitCode !== null || signalCode !== null;
  return hasEnded && [stdout, stderr].every((pipe) => pipe?.closed !== false);
}
