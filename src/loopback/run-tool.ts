import { spawn } from 'node:child_process';
import { StationError } from '../errors.ts';
import { TOOL_DEADLINE_MS } from '../limits.ts';

const OUTPUT_MAX_CHARACTERS = 64 * 1024;

/**
 * Runs a tool to its end and gives what it printed. Throws `tool-failed` with the end of its error
 * output when it cannot be started or does not exit with 0, and `tool-timed-out` after the deadline;
 * it is then killed and abandoned, because a tool that hangs in the kernel does not die.
 */
export function runTool(
  tool: string,
  args: readonly string[],
  deadlineMs: number = TOOL_DEADLINE_MS,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    const keep = (stream: 'stdout' | 'stderr') => (piece: string) => {
      output[stream] = `${output[stream]}${piece}`.slice(-OUTPUT_MAX_CHARACTERS);
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      const message = `${tool} gave no answer within ${deadlineMs} ms`;
      reject(new StationError('tool-timed-out', message, { tool, deadlineMs }));
    }, deadlineMs);
    child.stdout.setEncoding('utf8').on('data', keep('stdout'));
    child.stderr.setEncoding('utf8').on('data', keep('stderr'));
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(toolFailed(tool, null, cause.message));
    });
    child.once('close', (exitCode) => {
      clearTimeout(timer);
      if (exitCode === 0) resolve(output.stdout);
      else reject(toolFailed(tool, exitCode, output.stderr.trim()));
    });
  });
}

export function toolFailed(tool: string, exitCode: number | null, detail: string) {
  const message = `${tool} failed: ${detail || `exit code ${exitCode}`}`;
  return new StationError('tool-failed', message, { tool, exitCode, detail });
}
