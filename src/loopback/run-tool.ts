import { runTool as runWithSignal } from '../detect/tool.ts';
import { StationError } from '../errors.ts';

const NEVER = new AbortController().signal;

/**
 * Runs a tool that nobody interrupts, and gives what it printed. Throws `tool-failed`, or
 * `tool-timed-out` after the deadline, `TOOL_DEADLINE_MS` unless given.
 */
export function runTool(
  tool: string,
  args: readonly string[],
  deadlineMs?: number,
): Promise<string> {
  const deadline = deadlineMs === undefined ? {} : { deadlineMs };
  return runWithSignal({ command: tool, args, ...deadline }, NEVER);
}

export function toolFailed(tool: string, exitCode: number | null, detail: string) {
  const message = `${tool} failed: ${detail || `exit code ${exitCode}`}`;
  return new StationError('tool-failed', message, { tool, exitCode, detail });
}
