import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Config } from './config.ts';
import { sweepJournals } from './copy/journal-directory.ts';
import { Detector } from './detect/detector.ts';
import { freeSpace } from './detect/free-space.ts';
import { probeHealth } from './detect/health.ts';
import { askKernel } from './detect/kernel-answer.ts';
import { resetUsb } from './detect/usb-reset.ts';
import type { AttachedDisk, DiskHealth } from './domain/disk.ts';
import type { ResetOutcome } from './domain/hang-ladder.ts';
import { type DriveRef, driveKey } from './domain/job.ts';
import { isStationError, type StationError } from './errors.ts';
import {
  backupDirectoryOf,
  LedgerBackups,
  ledgerFileOf,
  refuseLostLedger,
} from './ledger/backups.ts';
import { CopyQueue } from './ledger/copy-queue.ts';
import { readOrMakeSecretKey, readSecretKey, secretBox } from './ledger/secret-box.ts';
import { SqliteLedger } from './ledger/sqlite.ts';
import { lockStateDirectory } from './ledger/state-lock.ts';
import {
  FREE_SPACE_INTERVAL_MS,
  HOLD_LOOK_MS,
  HOLD_PLACE_MS,
  LEDGER_BACKUP_INTERVAL_MS,
  LIFE_CYCLE_TICK_MS,
  PROGRESS_INTERVAL_MS,
  SHUTDOWN_DEADLINE_MS,
  STUCK_MAX,
} from './limits.ts';
import { Feed } from './serve/feed.ts';
import { LocationBook } from './serve/locations.ts';
import { Server } from './serve/server.ts';
import type { StationView } from './serve/wire.ts';
import { storageOf } from './work/accounts.ts';
import { Actions } from './work/actions.ts';
import { BackupKeeper } from './work/backup-keeper.ts';
import { type Clock, SYSTEM_CLOCK } from './work/clock.ts';
import { ClockWatch } from './work/clock-watch.ts';
import { Coordinator } from './work/coordinator.ts';
import { CopyRunner } from './work/copy-runner.ts';
import { DiskHolders, type NewHolder } from './work/disk-holders.ts';
import { EmergencySlice } from './work/emergency-slice.ts';
import { EndLogs } from './work/end-logs.ts';
import { Floor } from './work/floor.ts';
import { operatorActions } from './work/operator-actions.ts';
import { PROCESS_TABLE } from './work/process-table.ts';
import { Reserve } from './work/reserve.ts';
import { stagedAt } from './work/staged-at.ts';
import { buildStationView } from './work/station-view.ts';
import { StorageHolds, type StorageHoldsDependencies } from './work/storage-holds.ts';
import { storageMark } from './work/storage-mark.ts';
import { Ticker } from './work/ticker.ts';
import { Troubles } from './work/troubles.ts';

/** What each part gets to close in although the whole is late. */
const CLOSE_MIN_MS = 500;
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
  /** Resolves when the ledger turns out to be damaged, after which the station is of no use. */
  readonly failure: Promise<StationError>;
  readonly #opened: readonly Opened[];
  readonly #logger: Logger;

  private constructor(
    { url, failure }: Pick<Station, 'url' | 'failure'>,
    opened: readonly Opened[],
    logger: Logger,
  ) {
    this.url = url;
    this.failure = failure;
    this.#opened = opened;
    this.#logger = logger;
  }

  /**
   * Throws `state-directory-in-use`, `state-disk-failed`, `ledger-newer`, `ledger-unreadable`, or what
   * listening throws.
   */
  static async create(
    config: Config,
    logger: Logger,
    clock: Clock = SYSTEM_CLOCK,
  ): Promise<Station> {
    const opened: Opened[] = [];
    try {
      const { promise: failure, resolve: onDamaged } = Promise.withResolvers<StationError>();
      const url = await build(config, { logger, clock, onDamaged }, opened);
      return new Station({ url, failure }, opened, logger);
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

/** What comes in from outside, so that a test can hold it. */
interface Surroundings {
  readonly logger: Logger;
  readonly clock: Clock;
  /** The ledger is damaged. */
  onDamaged(error: StationError): void;
}

type Keep = <T>(name: string, part: T, close: (part: T) => unknown) => T;

async function build(
  config: Config,
  surroundings: Surroundings,
  opened: Opened[],
): Promise<string> {
  const { logger } = surroundings;
  const keep: Keep = (name, part, close) => {
    opened.push({ name, close: () => close(part) });
    return part;
  };
  const ground = await layGround(config, surroundings, keep);
  const work = await setUpWork(config, ground, keep);
  const server = await openFront(config, { ...ground, ...work }, keep);
  ground.holders.watch(() => {
    pauseWhile(work.queue, 'hung processes', ground.holders.stuck.length >= STUCK_MAX);
    void work.coordinator.poke();
  });
  work.reserve.start();
  work.backups.start();
  work.queue.resume();
  const { detector, version } = ground;
  logger.info(
    { subsystem: 'station', url: server.url, detection: detector.mode, version },
    'the station is up',
  );
  return server.url;
}

type Ground = Awaited<ReturnType<typeof layGround>>;

/** What everything stands on: the ledger, the facts, what goes on, and when the screens are told. */
async function layGround(config: Config, surroundings: Surroundings, keep: Keep) {
  const { logger, clock } = surroundings;
  const { stateDirectory } = config.station;
  const log = (subsystem: string) => logger.child({ subsystem });
  const { now } = clock;
  const monotonicMs = () => performance.now();

  const unlock = await lockStateDirectory(stateDirectory);
  keep('state lock', unlock, (release) => release());

  const slice = new EmergencySlice(join(stateDirectory, 'station.reserve'));
  const failures = new Failures();
  const ledger = await openLedger(config, { ...surroundings, slice, failures });
  keep('ledger', ledger, (part) => part.close());

  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const holders = await DiskHolders.create(
    { directory: join(stateDirectory, 'holders'), bootId },
    { processes: PROCESS_TABLE, now, logger: log('holders') },
  );
  keep('holders', holders, (part) => part.close());
  const onToolAbandoned = (pid: number) => toolKilled(holders, { pid, what: 'lsblk' });

  const detector = await Detector.create(
    { stateDirectory, ...withoutUndefined(config.detect) },
    { logger: log('detect'), now: monotonicMs, onToolAbandoned },
  );
  keep('detector', detector, (part) => part.close());

  const closing = new AbortController();
  keep('questions', closing, (part) => part.abort());
  const floor = new Floor(monotonicMs);
  const watch = await ClockWatch.create({ clock, ledger, bootId });
  floor.remember(await ledger.confirmedDisks(bootId));
  const screens = new Ticker(PROGRESS_INTERVAL_MS);
  keep('screens', screens, (part) => part.close());
  const machine = { clock, now, bootId, watch, slice, failures, holders };
  const version = await ownVersion();
  return { ...machine, ledger, detector, floor, screens, log, version, closing: closing.signal };
}

/** Who hears that the station could not do its part is built after those who tell it. */
class Failures {
  onFailed: (error: unknown) => void = () => undefined;
}

/** On a full disk, with the room that was kept for that. */
async function openLedger(
  config: Config,
  {
    clock,
    onDamaged,
    slice,
    failures,
  }: Surroundings & { slice: EmergencySlice; failures: Failures },
): Promise<SqliteLedger> {
  const { stateDirectory, name } = config.station;
  const file = ledgerFileOf(stateDirectory);
  await refuseLostLedger(file, backupDirectoryOf(stateDirectory));
  const options = {
    ...{ file, station: name, now: clock.now, uuid: randomUUID },
    secrets: secretBox(await secretKey(config)),
    randomHex: (bytes: number) => randomBytes(bytes).toString('hex'),
    makeRoom: () => slice.release(),
    onError: (error: StationError) => {
      if (isStationError(error, 'ledger-unreadable')) onDamaged(error);
      if (isStationError(error, 'state-disk-failed')) failures.onFailed(error);
    },
  };
  return await SqliteLedger.open(options).catch((error) => {
    if (!isStationError(error, 'state-disk-failed') || !slice.release()) throw error;
    return SqliteLedger.open(options);
  });
}

/** The runner that copies, the queue that feeds it, the loop that decides, the reserve that brakes. */
async function setUpWork(config: Config, ground: Ground, keep: Keep) {
  const { ledger, detector, floor, screens, log, clock, now, holders } = ground;
  const journalDirectory = join(config.station.stateDirectory, 'journals');
  await sweepJournals(journalDirectory, await ledger.openCopies());
  const slept = (milliseconds: number, signal: AbortSignal) =>
    sleep(milliseconds, undefined, { signal });

  const troubles = new Troubles({
    ...{ logger: log('station'), now },
    onChange: () => {
      pauseWhile(queue, 'trouble', troubles.holdsCopies !== undefined);
      void coordinator.poke();
    },
  });
  const holds = storageHolds(config, ground, {
    othersWait: async () => (await queue.depth()).waiting > 0,
    enqueue: (ref) => queue.enqueue({ id: driveKey(ref), ref }),
    onChange: () => void coordinator.poke(),
  });
  const runner = new CopyRunner({
    ledger,
    floor,
    holds,
    logger: log('copy'),
    journalDirectory,
    readHangMs: config.copy.readHangMs,
    rescueMs: config.copy.rescueMs,
    diskOf: (item) => detector.facts().disks.find((disk) => disk.key === item.disk),
    lookAgain: () => detector.rescan(),
    storageOf: (job) => storageOf(job, { accounts: config.storageAccounts, ledger }),
    probeHealth: (disk, signal) => askHealthOnce(ground, disk, signal),
    holders,
    onCondition: (id, condition) => queue.turned(id, condition),
    askKernel: (disk, waitedMs) => askKernel({ ...disk, waitedMs }, ground.closing),
    reset: (disk) => resetOf(config, disk, ground.closing),
    sleep: slept,
    now,
    onProgress: () => screens.want(),
    onOutcome: () => void coordinator.poke(),
    onStationFailed: (error) => ground.failures.onFailed(error),
  });

  const { maxDrives: concurrent, sickConcurrent, sickTurnMs } = config.copy;
  const { maxAttempts, retryDelayMs } = config.copy;
  const queue: CopyQueue = await CopyQueue.create(
    { concurrent, sickConcurrent, sickTurnMs, maxAttempts, retryDelayMs, startPaused: true },
    {
      store: ledger.queueStore(),
      run: (task, makeRoom, signal) => runner.run(task, makeRoom, signal),
      onGaveUp: (task, error) => runner.giveUp(task, error),
      logger: log('queue'),
      now,
      sleep: slept,
    },
  );
  keep('queue', queue, (part) => part.close(SHUTDOWN_DEADLINE_MS));

  const { watch } = ground;
  const parts = { ledger, detector, queue, floor, logger: log('work'), now };
  const endLogs = new EndLogs({
    ...{ ledger, now, logger: log('logs') },
    storageOf: (job) => storageOf(job, { accounts: config.storageAccounts, ledger }),
    onWritten: () => void coordinator.poke(),
  });
  keep('end logs', endLogs, (part) => part.close());
  const coordinator: Coordinator = new Coordinator({
    ...parts,
    halts: () => holds.halts(),
    stagedAt: (drives) => stagedAt(drives, { ledger, journalDirectory }),
    ...{ clock: watch, troubles },
    stuck: () => holders.stuck,
    afterRound: (jobs) => endLogs.round(jobs),
    onChange: () => screens.want(),
  });
  keep('coordinator', coordinator, (part) => part.close());
  const looking = setInterval(() => void holds.look(), HOLD_LOOK_MS);
  keep('storage holds', looking, (timer) => clearInterval(timer));
  const ticking = clock.every(LIFE_CYCLE_TICK_MS, () => void coordinator.poke());
  keep('life cycle', ticking, (stop) => stop());
  const unsubscribe = detector.onChange(() => void coordinator.poke());
  keep('disk events', unsubscribe, (stop) => stop());

  const state = watchState(config, { ...ground, queue, troubles }, keep);
  return { queue, coordinator, troubles, ...state };
}

/** What looks after the state directory: its room, and the backups of the ledger. */
function watchState(
  config: Config,
  parts: Ground & { readonly queue: CopyQueue; readonly troubles: Troubles },
  keep: Keep,
) {
  const { ledger, screens, log, now, queue, troubles, slice } = parts;
  const { stateDirectory, reserveBytes } = config.station;
  const reserve = new Reserve({
    ...{ directory: stateDirectory, reserveBytes },
    ...{ slice, troubles, intervalMs: FREE_SPACE_INTERVAL_MS },
    look: (signal) => freeSpace(stateDirectory, signal),
    onChange: ({ below }) => {
      pauseWhile(queue, 'reserve', below);
      screens.want();
    },
    logger: log('reserve'),
  });
  keep('reserve', reserve, (part) => part.close());
  parts.failures.onFailed = (error) => reserve.failed(error);
  const directory = backupDirectoryOf(stateDirectory);
  const backups = new BackupKeeper(
    { intervalMs: LEDGER_BACKUP_INTERVAL_MS },
    {
      backups: new LedgerBackups({ directory }, { ledger, now }),
      ...{ troubles, reserve, logger: log('ledger') },
    },
  );
  keep('backups', backups, (part) => part.close());
  return { reserve, backups };
}

/** Drives that wait for their storage; each job's is asked for anew, so that a new credential counts. */
function storageHolds(
  { storageAccounts: accounts, copy }: Config,
  { ledger, floor, log, now }: Ground,
  rest: Pick<StorageHoldsDependencies, 'othersWait' | 'enqueue' | 'onChange'>,
): StorageHolds {
  return new StorageHolds(
    { firstRetryMs: copy.retryDelayMs, placeMs: HOLD_PLACE_MS },
    {
      ...{ ...rest, floor, logger: log('copy'), now },
      monotonicMs: () => performance.now(),
      async storageMark(jobId) {
        const job = await ledger.jobByName(jobId);
        return job === undefined ? '' : storageMark(await storageOf(job, { accounts, ledger }));
      },
    },
  );
}

type Work = Awaited<ReturnType<typeof setUpWork>>;

/** What people and programs see and ask: the live feed, the API, the console. */
async function openFront(config: Config, parts: Ground & Work, keep: Keep): Promise<Server> {
  const { ledger, detector, floor, screens, log, version } = parts;
  const { coordinator, reserve, troubles } = parts;
  const { name } = config.station;
  const startedAt = parts.now().toISOString();
  const view = (): StationView =>
    buildStationView({
      ...{ name, version, startedAt, detector, floor },
      jobs: coordinator.jobs,
      checkIn: coordinator.checkIn,
      alerts: coordinator.alerts,
      extras: coordinator.extras,
      freeBytes: reserve.freeBytes,
      belowReserve: reserve.below,
      holdsCopies: troubles.holdsCopies,
      stuck: parts.holders.stuck,
    });
  await coordinator.poke();
  const feed = new Feed({ epoch: randomUUID() }, view());
  screens.onTick(() => feed.publish(view()));

  const actions = new Actions({
    ledger,
    detector,
    floor,
    bootId: parts.bootId,
    storageAccounts: Object.keys(config.storageAccounts),
    poke: () => coordinator.poke(),
  });
  const operators = operatorActions({ bayOf: (ref) => bayOf(ref, parts) });
  const arm = {
    locations: new LocationBook(config.locations),
    storageAccounts: Object.keys(config.storageAccounts),
    changed: () => coordinator.poke(),
  };
  const server = await Server.create(
    { ...config.http, stationName: name, version, consoleDirectory: CONSOLE_DIRECTORY },
    { ledger, feed, actions, operators, logger: log('serve'), view, arm },
  );
  return keep('server', server, (part) => part.close());
}

/** Where a drive's disk is plugged in at this moment. */
function bayOf(ref: DriveRef, { detector, floor }: Ground): string | undefined {
  const present = detector.facts().disks.filter((disk) => {
    const match = floor.matches.get(disk.key);
    return match?.kind === 'drive' && driveKey(match.ref) === driveKey(ref);
  });
  return present[0]?.bay;
}

function pauseWhile(queue: CopyQueue, reason: string, paused: boolean): void {
  if (paused) queue.pause(reason);
  else queue.resume(reason);
}

/** The configured key file must be there; the station's own is made at the first start. */
async function secretKey({ secrets, station }: Config): Promise<Uint8Array> {
  if (secrets.keyFile !== undefined) return await readSecretKey(secrets.keyFile);
  return await readOrMakeSecretKey(join(station.stateDirectory, 'secrets.key'));
}

/** Health is asked once for each attachment, before its copy: polling a bridge can kill the link. */
async function askHealthOnce(
  { detector, holders }: Ground,
  disk: AttachedDisk,
  signal: AbortSignal,
): Promise<DiskHealth> {
  if (disk.health.status !== 'unknown' || disk.transport === 'loop') return disk.health;
  const { devicePath, diskseq, bay } = disk;
  const onAbandoned = (pid: number) => toolKilled(holders, { pid, what: 'smartctl', diskseq, bay });
  const health = await probeHealth({ devicePath, onAbandoned }, signal);
  detector.noteHealth(disk.key, health);
  return health;
}

/** To write down that a tool hangs must hold up nobody. */
function toolKilled(
  holders: DiskHolders,
  tool: Pick<NewHolder, 'pid' | 'what'> & Partial<NewHolder>,
): void {
  holders.toolKilled({ diskseq: null, bay: null, ref: null, ...tool }).catch(() => undefined);
}

/** A disk is only reset where the configuration allows it. */
async function resetOf(
  { copy }: Config,
  disk: AttachedDisk,
  signal: AbortSignal,
): Promise<ResetOutcome> {
  if (copy.resetUsb || disk.transport !== 'usb') return await resetUsb(disk, signal);
  return { kind: 'skipped', words: 'the configuration does not allow it (copy.resetUsb)' };
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/**
 * Last opened, first closed, all within one deadline. One that fails or hangs is named, and the others
 * still get their turn.
 */
async function closeAll(opened: readonly Opened[], logger: Logger): Promise<void> {
  const deadline = performance.now() + SHUTDOWN_DEADLINE_MS;
  for (const part of [...opened].reverse()) {
    const timer = new AbortController();
    const leftMs = Math.max(deadline - performance.now(), CLOSE_MIN_MS);
    const late = sleep(leftMs, 'late' as const, { signal: timer.signal });
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
