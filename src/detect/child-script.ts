import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { StationError } from '../errors.ts';
import { runTool, type Tool } from './tool.ts';

/** Where tools are looked for: root's directories too, whoever started the station. */
const TOOL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A PATH that has the system's tools, after the directories given. */
export function toolPath(...first: readonly string[]): string {
  return [...first, process.env.PATH ?? '', TOOL_PATH].filter((part) => part !== '').join(':');
}

/** The path of a tool, where tools are looked for; `undefined` when it is not installed. */
export async function findTool(name: string): Promise<string | undefined> {
  for (const directory of toolPath().split(':')) {
    const file = join(directory, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // It may be in the next directory.
    }
  }
  return undefined;
}

export interface ChildScript<T> extends Pick<Tool, 'deadlineMs' | 'onLateEnd' | 'onAbandoned'> {
  /** File name of the script beside this one. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly schema: z.ZodType<T>;
}

/**
 * Runs one of our scripts under a deadline and reads the JSON that it prints.
 * Throws `tool-failed`, `tool-timed-out` or `cancelled`.
 */
export async function runChildScript<T>(child: ChildScript<T>, signal: AbortSignal): Promise<T> {
  const file = fileURLToPath(new URL(child.script, import.meta.url));
  const { deadlineMs, onLateEnd, onAbandoned } = child;
  const text = await runTool(
    {
      command: process.execPath,
      args: ['--disable-warning=ExperimentalWarning', file, ...(child.args ?? [])],
      env: { PATH: toolPath(), LC_ALL: 'C', ...compiledAhead(), ...child.env },
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(onLateEnd === undefined ? {} : { onLateEnd }),
      ...(onAbandoned === undefined ? {} : { onAbandoned }),
    },
    signal,
  );
  return parseAnswer(text, child);
}

/** A script is over in a moment, most of which Node.js otherwise compiles. */
function compiledAhead(): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE } = process.env;
  return NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };
}

function parseAnswer<T>(text: string, child: ChildScript<T>): T {
  const detail = 'its answer is not what was agreed';
  const payload = { tool: child.script, exitCode: 0, detail };
  try {
    return child.schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new StationError('tool-failed', `${child.script} failed: ${detail}`, payload, cause);
  }
}
