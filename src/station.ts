import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { sweepJournals } from './copy/journal-directory.ts';
import { Detector } from './detect/detector.ts';
import { type DriveRef, driveKey } from './domain/job.ts';
import type { StationError } from './errors.ts';
import { CopyQueue } from './ledger/copy-queue.ts';
import { lockStateDirectory } from './ledger/state-lock.ts';
import {
  HOLD_LOOK_MS,
  HOLD_PLACE_MS,
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
import { type Clock, SYSTEM_CLOCK, slept } from './work/clock.ts';
import { ClockWatch } from './work/clock-watch.ts';
import { Coordinator, type CoordinatorDependencies } from './work/coordinator.ts';
import type { RunnerDependencies } from './work/copy-attempt.ts';
import { CopyRunner } from './work/copy-runner.ts';
import { DiskHolders } from './work/disk-holders.ts';
import { DiskQuestions } from './work/disk-questions.ts';
import { watchDocks } from './work/dock-parts.ts';
import { EmergencySlice } from './work/emergency-slice.ts';
import { EndLogs } from './work/end-logs.ts';
import { Failures } from './work/failures.ts';
import { Floor } from './work/floor.ts';
import { openLedger } from './work/ledger-opening.ts';
import { MissingDisks } from './work/missing-disks.ts';
import { type Keep, OpenedParts } from './work/opened-parts.ts';
import { operatorActions } from './work/operator-actions.ts';
import { PROCESS_TABLE } from './work/process-table.ts';
import { roomToKeep } from './work/reserve.ts';
import { stagedAt } from './work/staged-at.ts';
import { watchState } from './work/state-watch.ts';
import { buildStationView } from './work/station-view.ts';
import { StorageHolds, type StorageHoldsDependencies } from './work/storage-holds.ts';
import { storageMark } from './work/storage-mark.ts';
import { bootIdOfMachine, ownVersion } from './work/this-machine.ts';
import { Ticker } from './work/ticker.ts';
import { Troubles } from './work/troubles.ts';

const CONSOLE_DIRECTORY = fileURLToPath(new URL('./console', import.meta.url));

/**
 * The whole daemon: every part is built here, in the order in which they depend on each other, and
 * closed in reverse. Parts know each other only through what is handed to them in this file.
 */
export class Station {
  readonly url: string;
  /** Resolves when the ledger turns out to be damaged, after which the station is of no use. */
  readonly failure: Promise<StationError>;
  readonly #opened: OpenedParts;

  private constructor({ url, failure }: Pick<Station, 'url' | 'failure'>, opened: OpenedParts) {
    this.url = url;
    this.failure = failure;
    this.#opened = opened;
  }

  /**
   * Throws `state-directory-in-use`, `state-disk-failed`, `ledger-newer`, `ledger-unreadable`, or what
   * listening throws.
   */
  static async create(
    config: Config,
    logger: Logger,
    { clock = SYSTEM_CLOCK, onOpened }: StationOptions = {},
  ): Promise<Station> {
    const opened = new OpenedParts({ logger, onOpened });
    try {
      const { promise: failure, resolve: onDamaged } = Promise.withResolvers<StationError>();
      const url = await build(config, { logger, clock, onDamaged }, opened.keep);
      return new Station({ url, failure }, opened);
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** Stops in order, running copies first asked and then ended; names what did not close in time. */
  async close(): Promise<void> {
    await this.#opened.close();
  }
}

export interface StationOptions {
  readonly clock?: Clock;
  /** Hears the name of each part that is open. */
  readonly onOpened?: (name: string) => void;
}

/** What comes in from outside, so that a test can hold it. */
interface Surroundings {
  readonly logger: Logger;
  readonly clock: Clock;
  /** The ledger is damaged. */
  onDamaged(error: StationError): void;
}

/** The order of dependence; only when all of it stands, work begins. */
async function build(config: Config, surroundings: Surroundings, keep: Keep): Promise<string> {
  const ground = await layGround(config, surroundings, keep);
  const work = await setUpWork(config, ground, keep);
  const server = await openFront(config, { ...ground, ...work }, keep);
  ground.holders.watch(() => {
    work.queue.pauseWhile('stuck processes', ground.holders.stuck.length >= STUCK_MAX);
    void work.coordinator.poke();
  });
  work.state.start();
  ground.docks.start(work.coordinator);
  work.queue.resume();
  const { version, detector } = ground;
  const fields = { url: server.url, detection: detector.mode, version };
  ground.log('station').info(fields, 'the station is up');
  return server.url;
}

type Ground = Awaited<ReturnType<typeof layGround>>;

/** What everything stands on: the ledger, the facts, what goes on, and when the screens are told. */
async function layGround(config: Config, surroundings: Surroundings, keep: Keep) {
  const { logger, clock, onDamaged } = surroundings;
  const { stateDirectory, name } = config.station;
  const log = (subsystem: string) => logger.child({ subsystem });
  const { now } = clock;
  const monotonicMs = () => performance.now();

  const unlock = await lockStateDirectory(stateDirectory);
  keep('state lock', unlock, (release) => release());

  const slice = new EmergencySlice(join(stateDirectory, 'station.reserve'));
  const failures = new Failures();
  const onDiskFailed = (error: StationError) => failures.onFailed(error);
  const ledger = await openLedger(
    { stateDirectory, name, keyFile: config.secrets.keyFile },
    { slice, now, onDamaged, onDiskFailed },
  );
  keep('ledger', ledger, (part) => part.close());

  const bootId = await bootIdOfMachine();
  const holders = await DiskHolders.create(
    { directory: join(stateDirectory, 'holders'), bootId },
    { processes: PROCESS_TABLE, now, monotonicMs, logger: log('holders') },
  );
  keep('holders', holders, (part) => part.close());
  const onToolAbandoned = (pid: number) => holders.toolHangs({ pid, what: 'lsblk' });

  const detector = await Detector.create(
    { stateDirectory, ...config.detect },
    { logger: log('detect'), now: monotonicMs, onToolAbandoned },
  );
  keep('detector', detector, (part) => part.close());

  const closing = new AbortController();
  keep('questions', closing, (part) => part.abort());
  const floor = new Floor(monotonicMs);
  const seeing = { ledger, detector, holders, floor, now, logger: log('docks') };
  const docks = await watchDocks(config, { ...seeing, closing: closing.signal }, keep);
  const disks = await DiskQuestions.create(
    { ...config.copy, bootId, hostsDirectory: join(stateDirectory, 'hosts') },
    { detector, holders, docks, logger: log('disks') },
  );
  keep('disk questions', disks, (part) => part.close());
  const watch = await ClockWatch.create({ clock, ledger, bootId });
  floor.remember(await ledger.confirmedDisks(bootId));
  const screens = new Ticker(PROGRESS_INTERVAL_MS);
  keep('screens', screens, (part) => part.close());
  const storage = { accounts: config.storageAccounts, ledger };
  const machine = { clock, now, monotonicMs, bootId, watch, slice, failures, holders };
  const facts = { ledger, storage, detector, disks, floor, docks, screens };
  return { ...machine, ...facts, log, version: await ownVersion() };
}

/** The runner that copies, the queue that feeds it, the loop that decides, the reserve that brakes. */
async function setUpWork(config: Config, ground: Ground, keep: Keep) {
  const { ledger, log, now } = ground;
  const journalDirectory = join(config.station.stateDirectory, 'journals');
  await sweepJournals(journalDirectory, await ledger.openCopies());

  const troubles = new Troubles({
    ...{ logger: log('station'), now },
    onChange: () => {
      queue.pauseWhile('trouble', troubles.holdsCopies !== undefined);
      void coordinator.poke();
    },
  });
  const holds = storageHolds(config, ground, {
    // While nothing is started, who leaves a place leaves it to nobody.
    othersWait: async () => queue.pauseReasons().length === 0 && (await queue.depth()).waiting > 0,
    enqueue: (ref) => queue.enqueue({ id: driveKey(ref), ref }),
    onChange: () => void coordinator.poke(),
  });
  const runner = copyRunner(config, ground, {
    ...{ holds, journalDirectory },
    onCondition: (id, condition) => queue.turned(id, condition),
    onOutcome: () => void coordinator.poke(),
  });
  const queue = await copyQueue(config, ground, runner);
  keep('queue', queue, (part) => part.close(SHUTDOWN_DEADLINE_MS));

  const decider = { queue, troubles, holds, journalDirectory };
  const coordinator: Coordinator = decisions(ground, decider, keep);
  const onReserve = (below: boolean) => {
    queue.pauseWhile('reserve', below);
    ground.screens.want();
  };
  const state = watchState(config.station, { ...ground, troubles, onReserve }, keep);
  ground.failures.onFailed = (error) => state.reserve.failed(error);
  return { queue, coordinator, troubles, state };
}

/** Drives that wait for their storage; each job's is asked for anew, so that a new credential counts. */
function storageHolds(
  { copy }: Config,
  { storage, floor, log, now, monotonicMs }: Ground,
  rest: Pick<StorageHoldsDependencies, 'othersWait' | 'enqueue' | 'onChange'>,
): StorageHolds {
  return new StorageHolds(
    { firstRetryMs: copy.retryDelayMs, placeMs: HOLD_PLACE_MS },
    {
      ...{ ...rest, floor, logger: log('copy'), now, monotonicMs },
      storageMark: (jobId) => storageMark(jobId, storage),
    },
  );
}

/** What copies one drive, with all that it may ask of the machine. */
function copyRunner(
  { copy, station }: Config,
  ground: Ground,
  rest: Pick<RunnerDependencies, 'holds' | 'journalDirectory' | 'onCondition' | 'onOutcome'>,
): CopyRunner {
  const { ledger, storage, detector, disks, floor, holders, failures, screens, log, now } = ground;
  return new CopyRunner({
    ...{ ...rest, ledger, floor, disks, holders, logger: log('copy'), now, sleep: slept },
    keepFreeBytes: roomToKeep(station.reserveBytes),
    ...{ readHangMs: copy.readHangMs, spinUpMs: copy.spinUpMs, rescueMs: copy.rescueMs },
    diskOf: (item) => detector.facts().disks.find((disk) => disk.key === item.disk),
    lookAgain: () => detector.rescan(),
    storageOf: (job) => storageOf(job, storage),
    rebindDock: (disk, ref) => ground.docks.binding.beforeCopy(disk, ref),
    onProgress: () => screens.want(),
    onStationFailed: (error) => failures.onFailed(error),
  });
}

/** It starts nothing before the whole station stands. */
async function copyQueue(
  { copy }: Config,
  { ledger, log, now }: Ground,
  runner: CopyRunner,
): Promise<CopyQueue> {
  const { maxDrives: concurrent, sickConcurrent, sickTurnMs, maxAttempts, retryDelayMs } = copy;
  return await CopyQueue.create(
    { concurrent, sickConcurrent, sickTurnMs, maxAttempts, retryDelayMs, startPaused: true },
    {
      store: ledger.queueStore(),
      run: (task, makeRoom, signal) => runner.run(task, makeRoom, signal),
      onGaveUp: (task, error) => runner.giveUp(task, error),
      ...{ logger: log('queue'), now, sleep: slept },
    },
  );
}

/** What the loop decides with, beside the ground. */
type Decider = Pick<CoordinatorDependencies, 'queue' | 'troubles'> &
  Pick<RunnerDependencies, 'holds' | 'journalDirectory'>;

/** The loop that decides, with all that makes it look again. */
function decisions(
  ground: Ground,
  { holds, journalDirectory, ...others }: Decider,
  keep: Keep,
): Coordinator {
  const { ledger, storage, detector, floor, screens, log, now, watch } = ground;
  const endLogs = new EndLogs({
    ...{ ledger, journalDirectory, now, logger: log('logs') },
    storageOf: (job) => storageOf(job, storage),
    onWritten: () => void coordinator.poke(),
  });
  keep('end logs', endLogs, (part) => part.close());
  const missing = new MissingDisks({ floor, ledger, detector, now });
  const coordinator: Coordinator = new Coordinator({
    ...{ ...others, ledger, detector, floor, clock: watch, logger: log('work'), now },
    halts: () => holds.halts(),
    rebinding: () => ground.docks.binding.rebinding,
    stagedAt: (drives) => stagedAt(drives, { ledger, journalDirectory }),
    stuck: () => ground.holders.stuck,
    killed: () => floor.killed,
    missing: (drives) => missing.look(drives),
    afterRound: (jobs) => endLogs.round(jobs),
    onChange: () => screens.want(),
  });
  keep('coordinator', coordinator, (part) => part.close());
  const looking = setInterval(() => void holds.look(), HOLD_LOOK_MS);
  keep('storage holds', looking, (timer) => clearInterval(timer));
  const ticking = ground.clock.every(LIFE_CYCLE_TICK_MS, () => void coordinator.poke());
  keep('life cycle', ticking, (stop) => stop());
  const unsubscribe = detector.onChange(() => void coordinator.poke());
  keep('disk events', unsubscribe, (stop) => stop());
  return coordinator;
}

type Work = Awaited<ReturnType<typeof setUpWork>>;

/** What people and programs see and ask: the live feed, the API, the console. */
async function openFront(config: Config, parts: Ground & Work, keep: Keep): Promise<Server> {
  const { ledger, detector, floor, screens, log, version } = parts;
  const { coordinator, troubles } = parts;
  const { reserve } = parts.state;
  const { name } = config.station;
  const startedAt = parts.now().toISOString();
  const view = (): StationView =>
    buildStationView({
      ...{ name, version, startedAt, detector, floor },
      jobs: coordinator.jobs,
      checkIn: coordinator.checkIn,
      alerts: coordinator.alerts,
      extras: coordinator.extras,
      docks: coordinator.docks,
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
  const bayOf = (ref: DriveRef) =>
    floor.bayOf(ref, detector.facts().disks) ?? floor.working.get(driveKey(ref))?.bay;
  const operators = operatorActions({
    bayOf,
    whereIs: (ref) => floor.whereIs(ref, detector.facts()),
  });
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
