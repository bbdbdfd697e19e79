import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { z } from 'zod';
import { StationClient } from '../client/station-client.ts';
import type { LinkUpdate } from '../console/link.ts';
import { StationError, throwIfCancelled } from '../errors.ts';
import { releaseAll } from '../loopback/plugged.ts';
import type { DriveView, StationView } from '../serve/wire.ts';
import { freePort } from './free-port.ts';
import { type FamilyMember, familyOf, markedPath, remainsAfter } from './processes.ts';

/**
 * The real daemon as its users run it: `bin/drive-station serve` in a process of its own, looked at
 * only from outside, through its WebSocket, its HTTP API, its log and the kernel.
 */

const PROGRAM = join(import.meta.dirname, '../../bin/drive-station');
const ACTOR = 'rehearsal';
const STOP_DEADLINE_MS = 40_000;
/** What is waited for comes within seconds, on a busy machine after many times as long. */
const READY_DEADLINE_MS = 120_000;
const WAIT_DEADLINE_MS = 180_000;
const READY_POLL_MS = 40;
/** What the service manager and the cloud tell a station by its environment is not for this one. */
const NOT_PASSED_ON = /^(?:NOTIFY_SOCKET|WATCHDOG_|AZURE_|DRIVE_STATION_)/u;

export interface DaemonOptions {
  /** As in the configuration file; the destination that jobs name is usually `test`. */
  readonly storageAccounts: Readonly<Record<string, object>>;
  /** Over the quick settings of a rehearsal. */
  readonly detect?: object;
  readonly copy?: object;
  readonly docks?: object;
  /** Holds the directory of the daemon; the system's place for temporary files unless given. */
  readonly under?: string;
  /** Ends every wait with `cancelled`. */
  readonly signal?: AbortSignal;
}

const logLine = z.looseObject({ level: z.number(), time: z.string(), msg: z.string() });
export type LogLine = z.output<typeof logLine>;

export class Daemon implements AsyncDisposable {
  /** Holds everything that this daemon and its disks consist of. */
  readonly directory: string;
  readonly url: string;
  /** Marks each process that descends from this daemon. */
  readonly mark: string;
  readonly logs: LogLine[] = [];
  /** All that the process wrote to its standard output and its standard error, as it was. */
  readonly output: string[] = [];
  readonly client: StationClient;
  readonly #signal: AbortSignal | undefined;
  readonly #follow = new AbortController();
  readonly #lookers = new Set<(view: StationView) => void>();
  #view: StationView | undefined;
  #child: ChildProcess | undefined;
  #closed: Promise<unknown> = Promise.resolve();
  #stderr = '';

  private constructor(directory: string, port: number, signal: AbortSignal | undefined) {
    this.directory = directory;
    this.#signal = signal;
    this.mark = relative(tmpdir(), directory);
    this.url = `http://127.0.0.1:${port}`;
    const link = { firstRetryMs: 30, maxRetryMs: 100 };
    this.client = new StationClient({ url: this.url, actor: ACTOR, link });
  }

  /** A daemon on directories and a port of its own; ready when this returns. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const under = options.under ?? tmpdir();
    const directory = await mkdtemp(join(under, 'drive-station-daemon-'));
    const port = await freePort();
    const daemon = new Daemon(directory, port, options.signal);
    await mkdir(daemon.disksDirectory);
    await writeFile(daemon.configFile, stringify(configOf(daemon, port, options)));
    const onUpdate = ({ status, view }: LinkUpdate) => {
      if (status.kind === 'live' && view !== undefined) daemon.#look(view);
    };
    daemon.client.follow(onUpdate, daemon.#follow.signal).catch(() => undefined);
    try {
      daemon.launch();
      await daemon.ready();
      return daemon;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  get disksDirectory(): string {
    return join(this.directory, 'disks');
  }

  get stateDirectory(): string {
    return join(this.directory, 'state');
  }

  get configFile(): string {
    return join(this.directory, 'station.yaml');
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether the process runs. */
  get alive(): boolean {
    const child = this.#child;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Starts the process and does not wait for anything. */
  launch(): void {
    const child = spawn(PROGRAM, ['serve', '--config', this.configFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: environment(this.mark),
    });
    this.#child = child;
    this.#view = undefined;
    this.#closed = once(child, 'exit');
    createInterface({ input: child.stdout }).on('line', (line) => this.#keep(line));
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      this.output.push(piece);
      this.#stderr = `${this.#stderr}${piece}`.slice(-4096);
    });
  }

  /** Waits until `/readyz` says so. */
  async ready(): Promise<void> {
    const end = performance.now() + READY_DEADLINE_MS;
    while (performance.now() < end) {
      if (!this.alive) throw failure(`the daemon ended before it was ready: ${this.#stderr}`);
      const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.ok === true) return;
      await sleep(READY_POLL_MS);
    }
    throw failure(`the daemon was not ready in time: ${this.#stderr}`);
  }

  /** SIGKILL to the daemon alone: its children have to notice by themselves. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#closed;
  }

  async restart(): Promise<void> {
    if (this.alive) await this.stop();
    this.launch();
    await this.ready();
  }

  /** SIGTERM, as a service manager does it. */
  async stop(): Promise<{ readonly exitCode: number | null; readonly tookMs: number }> {
    const since = performance.now();
    const child = this.#child;
    child?.kill('SIGTERM');
    const insist = setTimeout(() => child?.kill('SIGKILL'), STOP_DEADLINE_MS);
    await this.#closed;
    clearTimeout(insist);
    return { exitCode: child?.exitCode ?? null, tookMs: performance.now() - since };
  }

  /** The last view that arrived over the WebSocket since the process was started. */
  get view(): StationView | undefined {
    return this.#view;
  }

  drive(driveId: string): DriveView | undefined {
    return this.#view?.drives.find((drive) => drive.driveId === driveId);
  }

  /** Sees every view that arrives; the answer ends it. */
  onView(looker: (view: StationView) => void): () => void {
    this.#lookers.add(looker);
    return () => void this.#lookers.delete(looker);
  }

  /** The first view, from the present one on, that is as wanted. */
  async until(
    wanted: (view: StationView) => boolean,
    what: string,
    deadlineMs = WAIT_DEADLINE_MS,
  ): Promise<StationView> {
    if (this.#signal !== undefined) throwIfCancelled(this.#signal);
    const { promise, resolve, reject } = Promise.withResolvers<StationView>();
    const onAbort = () => reject(new StationError('cancelled', 'the rehearsal ends', {}));
    const look = (view: StationView) => {
      if (wanted(view)) resolve(view);
    };
    const late = setTimeout(() => {
      reject(failure(`not within ${deadlineMs / 1000} s: ${what}\n${this.story()}`));
    }, deadlineMs);
    this.#signal?.addEventListener('abort', onAbort, { once: true });
    const forget = this.onView(look);
    if (this.#view !== undefined) look(this.#view);
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      this.#signal?.removeEventListener('abort', onAbort);
      forget();
    }
  }

  untilDrive(
    driveId: string,
    wanted: (drive: DriveView) => boolean,
    what: string,
    deadlineMs?: number,
  ): Promise<StationView> {
    const found = (view: StationView) => {
      const drive = view.drives.find((candidate) => candidate.driveId === driveId);
      return drive !== undefined && wanted(drive);
    };
    return this.until(found, `${driveId}: ${what}`, deadlineMs);
  }

  /** What a failed wait shows: drives, disks and the end of the log. */
  story(): string {
    const drives = this.#view?.drives.map(
      (d) => `${d.driveId} ${d.state} ${JSON.stringify(d.activity)} ${JSON.stringify(d.fault)}`,
    );
    const disks = this.#view?.disks.map((d) => `${d.bay} ${d.serial} ${JSON.stringify(d.match)}`);
    const log = this.logs.slice(-25).map((line) => JSON.stringify(line));
    return [...(drives ?? []), ...(disks ?? []), ...log, this.#stderr].join('\n');
  }

  async createJob(body: object): Promise<void> {
    const { status, body: answer } = await this.request('POST', '/api/v1/jobs', body);
    if (status >= 300) throw failure(`the job was refused: ${JSON.stringify(answer)}`);
  }

  /** Asks the station as any program does; every answer of its is JSON. */
  async request(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH',
    path: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-drive-station-actor': ACTOR },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  /** The daemon and all that it started. */
  family(): Promise<FamilyMember[]> {
    return familyOf(this.mark);
  }

  /** The copy processes that run now. */
  async copyProcesses(): Promise<FamilyMember[]> {
    return (await this.family()).filter(({ command }) => command.includes('/src/copy/worker.ts'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#follow.abort();
    await this.kill();
    const held = await releaseAll(this.disksDirectory);
    for (const { pid } of await remainsAfter(this.mark, 3000)) kill(pid);
    if (held.length > 0) await releaseAll(this.disksDirectory);
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  #look(view: StationView): void {
    this.#view = view;
    for (const look of this.#lookers) look(view);
  }

  #keep(line: string): void {
    this.output.push(line);
    const parsed = logLine.safeParse(jsonOf(line));
    if (parsed.success) this.logs.push(parsed.data);
  }
}

function failure(problem: string) {
  return new StationError('rehearsal-failed', problem, { problem });
}

function environment(mark: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !NOT_PASSED_ON.test(name));
  return { ...Object.fromEntries(kept), PATH: markedPath(mark) };
}

/** The last line of a killed daemon can be half of one. */
function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function configOf(daemon: Daemon, port: number, options: DaemonOptions): object {
  return {
    station: { name: 'rehearsal', stateDirectory: daemon.stateDirectory, reserveBytes: 0 },
    http: { port },
    log: { level: 'debug' },
    detect: {
      loopbackDirectory: daemon.disksDirectory,
      settleMs: 200,
      scanIntervalMs: 150,
      ...options.detect,
    },
    copy: { retryDelayMs: 500, spinUpMs: 3000, ...options.copy },
    docks: { ...options.docks },
    storageAccounts: options.storageAccounts,
  };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended in the meantime.
  }
}
