import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isStationError, StationError } from '../../src/errors.ts';
import { runTool, toolFailed } from '../../src/loopback/run-tool.ts';

const DEADLINE_MS = 60_000;
const POLL_MS = 20;

/**
 * A FUSE program that stays in the foreground, with its mount, for writing. Closing unmounts and waits
 * until the program has ended: only then is everything written. The product's own helper
 * (`src/volumes/helper.ts`) is for reading: it kills soon what does not end.
 */
export class FuseMount implements AsyncDisposable {
  readonly mountPoint: string;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #tool: string;
  #stderr = '';

  private constructor(tool: string, args: readonly string[], mountPoint: string) {
    this.mountPoint = mountPoint;
    this.#tool = tool;
    this.#child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', tool, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#closed = once(this.#child, 'close').catch((error: Error) => {
      this.#stderr += error.message;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
      this.#stderr = `${this.#stderr}${piece}`.slice(-4096);
    });
  }

  /** Throws `tool-failed` with the program's words when it ends before its mount is there. */
  static async start(
    tool: string,
    args: readonly string[],
    mountPoint: string,
  ): Promise<FuseMount> {
    const mount = new FuseMount(tool, args, mountPoint);
    try {
      await mount.#ready();
      return mount;
    } catch (error) {
      await mount.#end();
      throw error;
    }
  }

  async #ready(): Promise<void> {
    const end = performance.now() + DEADLINE_MS;
    while (performance.now() < end) {
      if (await isMounted(this.mountPoint)) return;
      const ended = await Promise.race([this.#closed.then(() => true), sleep(POLL_MS, false)]);
      if (ended) throw toolFailed(this.#tool, this.#child.exitCode, this.#stderr.trim());
    }
    throw timedOut(this.#tool);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (await isMounted(this.mountPoint)) await unmount(this.mountPoint);
    await this.#end();
  }

  async #end(): Promise<void> {
    const timer = new AbortController();
    const late = sleep(DEADLINE_MS, 'late', { signal: timer.signal }).catch(() => 'done');
    const answer = await Promise.race([this.#closed.then(() => 'done'), late]);
    timer.abort();
    if (answer === 'done') return;
    this.#child.kill('SIGKILL');
    throw timedOut(this.#tool);
  }
}

/** Whoever looked at the mount last may still hold it for a moment. */
async function unmount(mountPoint: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await runTool('fusermount3', ['-u', mountPoint]);
      return;
    } catch (error) {
      if (attempt === 20 || !isStationError(error, 'tool-failed')) throw error;
      await sleep(POLL_MS * attempt);
    }
  }
}

async function isMounted(mountPoint: string): Promise<boolean> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  return table.split('\n').some((line) => line.split(' ')[4] === mountPoint);
}

function timedOut(tool: string) {
  const message = `${tool} was neither ready nor gone within ${DEADLINE_MS} ms`;
  return new StationError('tool-timed-out', message, { tool, deadlineMs: DEADLINE_MS });
}
