import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, readFile, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { refused } from '../../src/loopback/bay.ts';
import { runTool } from '../../src/loopback/run-tool.ts';
import { allows, onPath } from './machine.ts';

/** Compiles a helper of the fixtures once for each version of its source. */

/** What all helpers include. */
const SHARED = join(import.meta.dirname, 'control.h');
const COMPILE_DEADLINE_MS = 60_000;

/**
 * Why this machine cannot run helpers that are file systems, in words for a skipped test; `undefined`
 * when it can.
 */
export function fuseHelpersUnavailable(): string | undefined {
  if (process.platform !== 'linux') return 'FUSE helpers need Linux';
  if (process.getuid?.() !== 0)
    return 'FUSE helpers need root, to mount and to attach loop devices';
  if (!allows('/dev/fuse', constants.R_OK | constants.W_OK)) return '/dev/fuse cannot be used';
  const missing = ['gcc', 'pkg-config', 'fusermount3', 'losetup'].filter((tool) => !onPath(tool));
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  const headers = ['/usr/include', '/usr/local/include'].map((at) => join(at, 'fuse3/fuse.h'));
  return headers.some((header) => allows(header, constants.R_OK))
    ? undefined
    : 'not installed: the headers of libfuse 3 (libfuse3-dev)';
}

/** The path of the compiled program. Processes that compile at the same time do not disturb each other. */
export async function builtHelper(source: string): Promise<string> {
  const sum = createHash('sha256');
  for (const file of [source, SHARED]) sum.update(await readFile(file));
  const digest = sum.digest('hex').slice(0, 16);
  const helper = join(await cacheDirectory(), `${basename(source, '.c')}-${digest}`);
  if (allows(helper, constants.X_OK)) return helper;
  const flags = await runTool('pkg-config', ['--cflags', '--libs', 'fuse3']);
  const draft = `${helper}.${process.pid}.${performance.now()}`;
  const args = ['-O2', '-Wall', '-Wextra', '-pthread', '-o', draft, source];
  await runTool('gcc', [...args, ...flags.trim().split(/\s+/u)], COMPILE_DEADLINE_MS);
  await rename(draft, helper);
  return helper;
}

/** Root runs what lies here, so it must be ours and closed to others, in a place open to all. */
async function cacheDirectory(): Promise<string> {
  const user = process.getuid?.() ?? 0;
  const directory = join(tmpdir(), `drive-station-fixtures-${user}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found = await lstat(directory);
  if (found.isDirectory() && found.uid === user && (found.mode & 0o077) === 0) return directory;
  throw refused(`${directory} belongs to somebody else or is open to others`);
}
