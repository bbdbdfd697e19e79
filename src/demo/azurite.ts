import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { StationError } from '../errors.ts';

/**
 * The real Azurite blob server in a child process, on the loopback address only. Its well-known
 * development account is public and guards nothing.
 */

export interface AzuriteOptions {
  /** Keeps the data here, so that a later start finds it again; without it all is in memory. */
  readonly directory?: string;
  /** A fixed port, to come back where clients expect it; without it a free one. */
  readonly port?: number;
  /** Where its own temporary directory lies; the system's place unless given. */
  readonly under?: string;
  /** The environment of the process; ours unless given. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface Azurite extends AsyncDisposable {
  readonly connectionString: string;
  readonly blobEndpoint: string;
  readonly accountName: string;
  readonly accountKey: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the process and waits for it; a second call does nothing. */
  stop(): Promise<void>;
}

const ACCOUNT_NAME = 'devstoreaccount1';
const ACCOUNT_KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
/** It loads for seconds, and on a busy machine for many times as long. */
const START_DEADLINE_MS = 120_000;
/** Azurite writes its tables down before it ends; it hangs on clients that keep their connections. */
const STOP_GRACE_MS = 5_000;

export async function startAzurite(options: AzuriteOptions = {}): Promise<Azurite> {
  const scratch = await mkdtemp(path.join(options.under ?? os.tmpdir(), 'drive-station-azurite-'));
  const child = launch(options, scratch);
  const stop = () => end(child, scratch);
  try {
    const port = await listeningPort(child);
    await answers(port);
    return describe(child, port, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

function launch(options: AzuriteOptions, scratch: string): ChildProcess {
  const main = createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js');
  const storage =
    options.directory === undefined
      ? ['--inMemoryPersistence']
      : ['--location', path.resolve(options.directory)];
  const listen = ['--blobHost', '127.0.0.1', '--blobPort', String(options.port ?? 0)];
  const modes = ['--silent', '--skipApiVersionCheck', '--disableTelemetry'];
  return spawn(process.execPath, [main, ...listen, ...storage, ...modes], {
    cwd: scratch,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Reads the port out of Azurite's own words: it alone knows which one it got. */
async function listeningPort(child: ChildProcess): Promise<number> {
  const deadline = AbortSignal.timeout(START_DEADLINE_MS);
  let said = '';
  return await new Promise<number>((resolve, reject) => {
    const fail = (why: string) =>
      reject(
        new StationError('tool-failed', `azurite ${why}: ${said}`, {
          tool: 'azurite',
          exitCode: child.exitCode,
          detail: said,
        }),
      );
    const hear = (chunk: unknown) => {
      said += String(chunk);
      const port = /successfully listens on http:\/\/127\.0\.0\.1:(\d+)/u.exec(said)?.[1];
      if (port !== undefined) resolve(Number(port));
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('error', (error) => fail(error.message));
    child.once('close', () => fail('ended before it listened'));
    deadline.addEventListener('abort', () => fail('did not listen in time'), { once: true });
  });
}

async function answers(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/${ACCOUNT_NAME}?comp=list`, {
    signal: AbortSignal.timeout(START_DEADLINE_MS),
  });
  await answer.body?.cancel();
}

function describe(child: ChildProcess, port: number, stop: () => Promise<void>): Azurite {
  const blobEndpoint = `http://127.0.0.1:${port}/${ACCOUNT_NAME}`;
  return {
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT_NAME};AccountKey=${ACCOUNT_KEY};BlobEndpoint=${blobEndpoint};`,
    blobEndpoint,
    accountName: ACCOUNT_NAME,
    accountKey: ACCOUNT_KEY,
    port,
    pid: child.pid ?? 0,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function end(child: ChildProcess, scratch: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await closed;
    clearTimeout(insist);
  }
  await rm(scratch, { recursive: true, force: true });
}
