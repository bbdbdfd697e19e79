import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Config } from './config.ts';
import { Detector } from './detect/detector.ts';
import { freeBytes } from './detect/free-space.ts';
import { probeHealth } from './detect/health.ts';
import type { AttachedDisk, DiskHealth } from './domain/disk.ts';
import { CopyQueue } from './ledger/copy-queue.ts';
import { SqliteLedger } from './ledger/sqlite.ts';
import { lockStateDirectory } from './ledger/state-lock.ts';
import { FREE_SPACE_INTERVAL_MS, PROGRESS_INTERVAL_MS, SHUTDOWN_DEADLINE_MS } from './limits.ts';
import { Feed } from './serve/feed.ts';
import { Server } from './serve/server.ts';
import type { StationView } from './serve/wire.ts';
import { storageAccount } from './work/accounts.ts';
import { Actions } from './work/actions.ts';
import { Coordinator } from './work/coordinator.ts';
import { CopyRunner } from './work/copy-runner.ts';
import { Floor } from './work/floor.ts';
import { Reserve } from './work/reserve.ts';
import { buildStationView } from './work/station-view.ts';
import { Ticker } from './work/ticker.ts';

const CONSOLE_DIRECTORY = fileURLToPath(new URL('./console', import.meta.url));

/** Anything that was opened and must be closed, by the name that is shown if it does not close. */
interface Opened {
  readonly name: string;
  close(): Promise<unknown> | unknown;
}

/**
 * The whole daemon: every part is built here, in the order in which they depend on each other, and
 * closed in reverse. Parts know each other only through what is handed to them in this file.
 */
export class Station {
  readonly url: string;
  readonly #opened: readonly Opened[];
  readonly #logger: Logger;

  private constructor(url: string, opened: readonly Opened[], logger: Logger) {
    this.url = url;
    this.#opened = opened;
    this.#logger = logger;
  }

  /** Throws `state-directory-in-use`, `ledger-newer`, `ledger-unreadable`, or what listening throws. */
  static async create(config: Config, logger: Logger): Promise<Station> {
    const opened: Opened[] = [];
    try {
      const url = await build(config, logger, opened);
      return new Station(url, opened, logger);
    } catch (error) {
      await closeAll(opened, logger);
      throw error;
    }
  }

  /** Stops in order, running copies first asked and then ended; names what did not close in time. */
  async close(): Promise<void> {
    await closeAll(this.#opened, this.#logger);
  }
}

async function build(config: Config, logger: Logger, opened: Opened[]): Promise<string> {
  const keep = <T>(name: string, part: T, close: (part: T) => unknown): T => {
    opened.push({ name, close: () => close(part) });
    return part;
  };
  const { stateDirectory, name, reserveBytes } = config.station;
  const version = await ownVersion();
  const startedAt = new Date().toISOString();
  const now = () => new Date();
  const monotonicMs = () => performance.now();
  const log = (subsystem: string) => logger.child({ subsystem });

  const release = await lockStateDirectory(stateDirectory);
  keep('state lock', release, (unlock) => unlock());

  const ledger = await SqliteLedger.open({
    file: join(stateDirectory, 'ledger.sqlite'),
    station: name,
    now,
    uuid: randomUUID,
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
  });
  keep('ledger', ledger, (part) => part.close());

  const detector = await Detector.create(
    { stateDirectory, ...withoutUndefined(config.detect) },
    { logger: log('detect'), now: monotonicMs },
  );
  keep('detector', detector, (part) => part.close());

  const floor = new Floor(monotonicMs);
  const screens = new Ticker(PROGRESS_INTERVAL_MS);
  keep('screens', screens, (part) => part.close());

  const runner = new CopyRunner({
    ledger,
    floor,
    logger: log('copy'),
    journalDirectory: join(stateDirectory, 'journals'),
    diskOf: (item) => detector.facts().disks.find((disk) => disk.key === item.disk),
    storageAccount: (account) => storageAccount(config.storageAccounts, account),
    probeHealth: (disk, signal) => askHealthOnce(detector, disk, signal),
    now,
    onProgress: () => screens.want(),
    onOutcome: () => void coordinator.poke(),
    onStorageChange: () => {
      if (floor.outage === undefined) queue.resume('storage');
      else queue.pause('storage');
    },
    onAbandoned: (pid, drive) => {
      log('copy').error({ pid, drive }, 'a copy process hangs in the kernel and is abandoned');
    },
  });

  const queue = await CopyQueue.create(
    {
      concurrent: config.copy.maxDrives,
      maxAttempts: config.copy.maxAttempts,
      retryDelayMs: config.copy.retryDelayMs,
      startPaused: true,
    },
    {
      store: ledger.queueStore(),
      run: (task, signal) => runner.run(task, signal),
      onGaveUp: (task, error) => runner.giveUp(task, error),
      logger: log('queue'),
      now,
      sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
    },
  );
  keep('queue', queue, (part) => part.close(SHUTDOWN_DEADLINE_MS));

  const coordinator: Coordinator = new Coordinator({
    ledger,
    detector,
    queue,
    floor,
    logger: log('work'),
    now,
    onChange: () => screens.want(),
  });
  keep('coordinator', coordinator, (part) => part.close());
  keep(
    'disk events',
    detector.onChange(() => void coordinator.poke()),
    (stop) => stop(),
  );

  const reserve = new Reserve({
    reserveBytes,
    intervalMs: FREE_SPACE_INTERVAL_MS,
    freeBytes: (signal) => freeBytes(stateDirectory, signal),
    onChange: ({ below }) => {
      if (below) queue.pause('reserve');
      else queue.resume('reserve');
      screens.want();
    },
    logger: log('reserve'),
  });
  keep('reserve', reserve, (part) => part.close());

  const view = (): StationView =>
    buildStationView({
      ...{ name, version, startedAt, detector, floor },
      jobs: coordinator.jobs,
      checkIn: coordinator.checkIn,
      freeBytes: reserve.freeBytes,
      belowReserve: reserve.below,
    });
  await coordinator.poke();
  const feed = new Feed({ epoch: randomUUID() }, view());
  screens.onTick(() => feed.publish(view()));

  const actions = new Actions({
    ledger,
    detector,
    floor,
    storageAccounts: Object.keys(config.storageAccounts),
    poke: () => coordinator.poke(),
  });
  const { host, port } = config.http;
  const server = await Server.create(
    { host, port, stationName: name, version, consoleDirectory: CONSOLE_DIRECTORY },
    { ledger, feed, actions, logger: log('serve'), view },
  );
  keep('server', server, (part) => part.close());

  reserve.start();
  queue.resume();
  log('station').info({ url: server.url, detection: detector.mode, version }, 'the station is up');
  return server.url;
}

/** Health is asked once for each attachment, before its copy: polling a bridge can kill the link. */
async function askHealthOnce(
  detector: Detector,
  disk: AttachedDisk,
  signal: AbortSignal,
): Promise<DiskHealth> {
  if (disk.health.status !== 'unknown' || disk.transport === 'loop') return disk.health;
  const health = await probeHealth(disk.devicePath, signal);
  detector.noteHealth(disk.key, health);
  return health;
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/** Last opened, first closed. One that fails or hangs is named, and the others still get their turn. */
async function closeAll(opened: readonly Opened[], logger: Logger): Promise<void> {
  for (const part of [...opened].reverse()) {
    const timer = new AbortController();
    const late = sleep(SHUTDOWN_DEADLINE_MS, 'late' as const, { signal: timer.signal });
    try {
      const ended = await Promise.race([Promise.resolve(part.close()), late]);
      if (ended === 'late') logger.error({ part: part.name }, 'did not close in time');
    } catch (err) {
      logger.error({ err, part: part.name }, 'did not close cleanly');
    } finally {
      timer.abort();
      late.catch(() => undefined);
    }
  }
}

/** A setting that was left out is left out, not `undefined`. */
function withoutUndefined<T extends { loopbackDirectory?: string | undefined }>(
  settings: T,
): Omit<T, 'loopbackDirectory'> & { loopbackDirectory?: string } {
  const { loopbackDirectory, ...rest } = settings;
  return loopbackDirectory === undefined ? rest : { ...rest, loopbackDirectory };
}
