import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { StationError } from '../../src/errors.ts';
import { toolFailed } from '../../src/loopback/run-tool.ts';

const ANSWER_DEADLINE_MS = 30_000;
const END_DEADLINE_MS = 8000;

const answerSchema = z.discriminatedUnion('ok', [
  z.looseObject({ ok: z.literal(true) }),
  z.strictObject({ ok: z.literal(false), problem: z.string() }),
]);

/** A running helper that is a file system: one command at a time, one answer each. */
export class FuseHelper {
  readonly #tool: string;
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #answers: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;
  #turn: Promise<unknown> = Promise.resolve();
  #stderr = '';

  private constructor(child: ChildProcess, input: Writable, output: Readable) {
    this.#tool = basename(child.spawnfile);
    this.#child = child;
    this.#input = input;
    this.#answers = createInterface({ input: output })[Symbol.asyncIterator]();
    this.#closed = once(child, 'close').catch(() => undefined);
    input.on('error', () => undefined);
    child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
      this.#stderr = `${this.#stderr}${piece}`.slice(-4096);
    });
  }

  /** Starts the program; it is mounted when this returns. */
  static async start(program: string, args: readonly string[]): Promise<FuseHelper> {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const started = new FuseHelper(child, child.stdin, child.stdout);
    try {
      await started.#answer('start');
      return started;
    } catch (error) {
      await started.end();
      throw error;
    }
  }

  /** The helper's process id, for tests that end it. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Throws `tool-failed` when the helper refuses the command or has ended. */
  command(line: string): Promise<object> {
    return this.#inTurn(() => {
      this.#input.write(`${line}\n`);
      return this.#answer(line);
    });
  }

  /** Sends them together: the helper carries them out one after the other without waiting for us. */
  commands(lines: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      this.#input.write(lines.map((line) => `${line}\n`).join(''));
      for (const line of lines) await this.#answer(line);
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #answer(line: string): Promise<object> {
    const next = await withDeadline(this.#answers.next(), ANSWER_DEADLINE_MS);
    if (next === 'late') {
      const message = `${this.#tool} gave no answer to "${line}"`;
      throw new StationError('tool-timed-out', message, {
        tool: this.#tool,
        deadlineMs: ANSWER_DEADLINE_MS,
      });
    }
    if (next.done === true) throw toolFailed(this.#tool, this.#child.exitCode, this.#stderr.trim());
    const answer = answerSchema.parse(JSON.parse(next.value));
    if (!answer.ok) throw toolFailed(this.#tool, null, `${line}: ${answer.problem}`);
    return answer;
  }

  /** Ends the helper and its mount; after the deadline by force, which the kernel survives as well. */
  async end(): Promise<void> {
    this.#input.end();
    if ((await withDeadline(this.#closed, END_DEADLINE_MS)) !== 'late') return;
    this.#child.kill('SIGKILL');
    await withDeadline(this.#closed, END_DEADLINE_MS);
  }
}

async function withDeadline<T>(work: Promise<T>, deadlineMs: number): Promise<T | 'late'> {
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => late.resolve('late'), deadlineMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
