import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DriveLogs, Verdict } from '../domain/verdict.ts';
import { messageOf, throwIfCancelled } from '../errors.ts';
import {
  COPY_ABANDON_MS,
  COPY_HEARING_MS,
  COPY_SILENCE_MS,
  COPY_STOP_GRACE_MS,
  FILE_COPY_THREADS,
} from '../limits.ts';
import { privateMountsUnavailable, withPrivateMounts } from '../volumes/mount-namespace.ts';
import {
  howItEnded,
  oomKills,
  type ProcessEnd,
  ranOutOfMemory,
  wasKilled,
} from './how-it-ended.ts';
import {
  type Assignment,
  type CopyFailure,
  type FromCopy,
  fromCopySchema,
  isFilesAssignment,
  type ToCopy,
} from './messages.ts';
import { Silence } from './silence.ts';

export type CopyResult =
  | { readonly kind: 'settled'; readonly verdict: Verdict; readonly logs: DriveLogs }
  | { readonly kind: 'failed'; readonly failure: CopyFailure };

/** What is heard from a copy process on its way. */
export interface CopyListener {
  /** The process is there and has opened nothing yet; it gets its assignment when this has settled. */
  onStarted?(pid: number): Promise<void>;
  /** Fires when the copy is to stop without haste: it gets all the time that its disk takes. */
  readonly makeRoom?: AbortSignal;
  onMessage(message: FromCopy): void;
  onEnded?(pid: number): Promise<void>;
  /** The process could not be ended: it hangs in the kernel and holds its disk. */
  onAbandoned(pid: number): void | Promise<void>;
}

const STDERR_TAIL_BYTES = 4096;
/**
 * A small young generation: what a block leaves behind is collected at once, instead of growing with
 * the length of the copy until the default of 16 MiB a semi-space is full.
 */
const COPY_NODE_OPTIONS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=2'];
/** What a copy process may see of the daemon's environment: how to find tools and the way out. */
const PASSED_ON =
  /^(?:NODE_COMPILE_CACHE|PATH|HOME|LANG|TZ|NODE_EXTRA_CA_CERTS|HTTPS?_PROXY|NO_PROXY)$/u;
/** What Azure's credential chain reads, secrets among it: for the accounts alone that use the chain. */
const CREDENTIAL_CHAIN = /^(?:AZURE|IDENTITY|MSI)_\w+$/u;

/**
 * Runs one copy in a process of its own and settles with its result, always: also when the process
 * crashes, falls silent, or hangs so that no signal ends it. Throws only `cancelled`, when the signal
 * had fired before the start.
 */
export async function runCopyProcess(
  assignment: Assignment,
  listener: CopyListener,
  signal: AbortSignal,
): Promise<CopyResult> {
  throwIfCancelled(signal);
  const problem = isFilesAssignment(assignment)
    ? await privateMountsUnavailable(signal)
    : undefined;
  if (problem !== undefined) return cannotMount(problem);
  const child = startWorker(assignment);
  const conversation = new Conversation(child, listener);
  const onAbort = () => conversation.stopSoon();
  signal.addEventListener('abort', onAbort, { once: true });
  const onMakeRoom = () => conversation.askToStop();
  listener.makeRoom?.addEventListener('abort', onMakeRoom, { once: true });
  try {
    if (child.pid !== undefined) await listener.onStarted?.(child.pid);
    // What fired before somebody listened is heard too.
    if (signal.aborted) onAbort();
    else if (listener.makeRoom?.aborted === true) onMakeRoom();
    conversation.tell(assignment);
    const result = await conversation.result;
    await conversation.end();
    return result;
  } finally {
    signal.removeEventListener('abort', onAbort);
    listener.makeRoom?.removeEventListener('abort', onMakeRoom);
  }
}

/** A copy of files mounts the drive's volume, and nobody but its process may see that. */
function startWorker(assignment: Assignment): ChildProcess {
  const byChain = assignment.storage.kind === 'default-credential';
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => PASSED_ON.test(name) || (byChain && CREDENTIAL_CHAIN.test(name)),
    ),
  );
  const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
  const node = { command: process.execPath, args: [...COPY_NODE_OPTIONS, worker] };
  const { command, args } = isFilesAssignment(assignment) ? withPrivateMounts(node) : node;
  const stdio: StdioOptions = ['ignore', 'ignore', 'pipe', 'ipc'];
  const threads = isFilesAssignment(assignment)
    ? { UV_THREADPOOL_SIZE: String(FILE_COPY_THREADS) }
    : {};
  return spawn(command, args, { cwd: '/', env: { ...env, ...threads }, stdio });
}

function cannotMount(problem: string): CopyResult {
  const payload = { missing: [problem] };
  const failure = {
    kind: 'failed',
    code: 'volume-tools-missing',
    message: problem,
    payload,
  } as const;
  return { kind: 'failed', failure };
}

/** Failures of a process that hangs in the kernel: it will not end by itself. */
const HOPELESS: ReadonlySet<string> = new Set(['disk-unresponsive', 'copy-process-silent']);

class Conversation {
  readonly result: Promise<CopyResult>;
  readonly #child: ChildProcess;
  readonly #listener: CopyListener;
  readonly #closed: Promise<void>;
  #settle: (result: CopyResult) => void = () => undefined;
  readonly #silence: Silence;
  #stderr = '';
  #isHopeless = false;

  constructor(child: ChildProcess, listener: CopyListener) {
    this.#child = child;
    this.#listener = listener;
    this.result = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#closed = new Promise((resolve) => child.once('close', () => resolve()));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = lastLines(this.#stderr + chunk.toString());
    });
    child.on('message', (raw) => this.#hear(raw));
    child.on('error', (error) => this.#fail(notStarted(error)));
    const killsBefore = oomKills();
    child.once('close', (exitCode, signal) => {
      const oomKilled = signal === 'SIGKILL' && oomKills() > killsBefore;
      this.#fail(ended({ exitCode, signal, stderrTail: this.#stderr, oomKilled }));
    });
    const words = 'the copy process has fallen silent';
    this.#silence = new Silence({ silenceMs: COPY_SILENCE_MS, hearingMs: COPY_HEARING_MS }, () =>
      this.#fail(silent(COPY_SILENCE_MS, words)),
    );
  }

  /** One that could not be started for want of descriptors has no channel; it says so by its error. */
  tell(message: ToCopy): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Asks for an orderly stop; the process answers with `failed: cancelled`. */
  askToStop(): void {
    this.tell({ kind: 'stop' });
  }

  /** The same, and when it does not stop it is killed. */
  stopSoon(): void {
    this.askToStop();
    const words = 'the copy process did not stop when asked';
    const timer = setTimeout(
      () => this.#fail(silent(COPY_STOP_GRACE_MS, words)),
      COPY_STOP_GRACE_MS,
    );
    void this.result.then(() => clearTimeout(timer));
  }

  /** Sees the process off: it leaves by itself, is killed, or is abandoned to the kernel. */
  async end(): Promise<void> {
    this.#silence.end();
    const { pid } = this.#child;
    const isGone = await this.#leaves();
    if (pid === undefined) return;
    if (isGone) return await this.#listener.onEnded?.(pid);
    this.#child.unref();
    this.#child.stderr?.destroy();
    if (this.#child.connected) this.#child.disconnect();
    await this.#listener.onAbandoned(pid);
  }

  async #leaves(): Promise<boolean> {
    // One that hangs does not get the time that an orderly end may take.
    if (!this.#isHopeless && (await within(this.#closed, COPY_STOP_GRACE_MS))) return true;
    this.#child.kill('SIGKILL');
    return await within(this.#closed, COPY_ABANDON_MS);
  }

  #hear(raw: unknown): void {
    this.#silence.heard();
    const parsed = fromCopySchema.safeParse(raw);
    if (!parsed.success) return;
    const message = parsed.data;
    this.#listener.onMessage(message);
    if (message.kind === 'settled') this.#settle(message);
    if (message.kind === 'failed') this.#fail(message);
  }

  #fail(failure: CopyFailure): void {
    this.#silence.end();
    this.#isHopeless ||= HOPELESS.has(failure.code);
    this.#settle({ kind: 'failed', failure });
  }
}

/** Whole lines only, or what is cut off could be the name by which a secret is known. */
function lastLines(text: string): string {
  if (text.length <= STDERR_TAIL_BYTES) return text;
  const tail = text.slice(-STDERR_TAIL_BYTES);
  return tail.slice(tail.indexOf('\n') + 1 || tail.length);
}

function ended(end: ProcessEnd): CopyFailure {
  const { exitCode, signal, stderrTail } = end;
  const message = howItEnded(end);
  if (ranOutOfMemory(end)) {
    const payload = { detail: stderrTail };
    return { kind: 'failed', code: 'copy-process-starved', message, payload };
  }
  const payload = { exitCode, signal, stderrTail };
  const code = wasKilled(end) ? 'copy-process-killed' : 'copy-process-ended';
  return { kind: 'failed', code, message, payload };
}

function notStarted(error: Error): CopyFailure {
  const message = `the copy process could not be started: ${messageOf(error)}`;
  const payload = { detail: messageOf(error) };
  return { kind: 'failed', code: 'copy-process-not-started', message, payload };
}

function silent(waitedMs: number, words: string): CopyFailure {
  return { kind: 'failed', code: 'copy-process-silent', message: words, payload: { waitedMs } };
}

/** Whether the promise settled in time. */
async function within(promise: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const inTime = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
