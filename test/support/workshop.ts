import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DiskDetector } from '../../src/detect/contract.ts';
import type { AttachedDisk } from '../../src/domain/disk.ts';
import type { DriveRef, Job, JobDetails } from '../../src/domain/job.ts';
import type { Ledger } from '../../src/ledger/contract.ts';
import { CopyQueue } from '../../src/ledger/copy-queue.ts';
import { createLog } from '../../src/log.ts';
import { Feed } from '../../src/serve/feed.ts';
import { LocationBook } from '../../src/serve/locations.ts';
import { Server } from '../../src/serve/server.ts';
import type { StationView } from '../../src/serve/wire.ts';
import { Actions } from '../../src/work/actions.ts';
import { SYSTEM_CLOCK } from '../../src/work/clock.ts';
import { ClockWatch } from '../../src/work/clock-watch.ts';
import { Coordinator } from '../../src/work/coordinator.ts';
import { Floor } from '../../src/work/floor.ts';
import { operatorActions } from '../../src/work/operator-actions.ts';
import { buildStationView } from '../../src/work/station-view.ts';
import { Troubles } from '../../src/work/troubles.ts';
import { aDisk } from './domain.ts';
import { aNewJob, aVerdict, BOUND_DISK, openLedger, temporaryDirectory } from './ledger.ts';
import { CONSOLE_DIRECTORY } from './serving.ts';

interface WorkshopOptions {
  /** Serials whose copies end with a fault. */
  readonly broken?: readonly string[];
  /** What the screens would show in the middle of each round of decisions. */
  readonly onRound?: (view: StationView) => void;
}

/**
 * A station at work whose bays are filled by hand: the real ledger, loop of decisions, queue, life
 * cycle, server and page. Only what touches hardware is made up: a disk is what a test plugs in, and
 * its copy is over at once, well or, for the serials that are named, with a fault.
 */
export class Workshop implements AsyncDisposable {
  readonly server: Server;
  readonly ledger: Ledger;
  readonly #bays: Bays;
  readonly #coordinator: Coordinator;
  readonly #queue: CopyQueue;
  /** What the screens show now. */
  readonly view: () => StationView;
  readonly #close: () => Promise<void>;

  private constructor(parts: {
    server: Server;
    ledger: Ledger;
    bays: Bays;
    coordinator: Coordinator;
    queue: CopyQueue;
    view: () => StationView;
    close: () => Promise<void>;
  }) {
    this.server = parts.server;
    this.ledger = parts.ledger;
    this.#bays = parts.bays;
    this.#coordinator = parts.coordinator;
    this.#queue = parts.queue;
    this.view = parts.view;
    this.#close = parts.close;
  }

  static async open(options: WorkshopOptions = {}): Promise<Workshop> {
    const directory = await temporaryDirectory();
    const now = () => new Date();
    const ledger = await openLedger(join(directory.path, 'ledger.sqlite'), now);
    const bays = new Bays();
    const floor = new Floor(() => performance.now());
    const logger = createLog('error');
    const broken = new Set(options.broken);
    const queue = await CopyQueue.create(
      { concurrent: 2, sickConcurrent: 1, sickTurnMs: 60_000, maxAttempts: 1, retryDelayMs: 10 },
      {
        store: ledger.queueStore(),
        run: async ({ ref }) => {
          await copyAtOnce(ledger, ref, broken.has(ref.driveId));
          const item = floor.working.get(`${ref.jobId}/${ref.driveId}`);
          if (item !== undefined) floor.end(item);
          void coordinator.poke();
          return { kind: 'finished' };
        },
        onGaveUp: () => Promise.resolve(),
        ...{ logger, now },
        sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
      },
    );
    const troubles = new Troubles({ logger, now, onChange: () => undefined });
    const clock = await ClockWatch.create({ clock: SYSTEM_CLOCK, ledger, bootId: 'boot' });
    const parts = { ledger, detector: bays, queue, floor, logger, now, clock, troubles };
    const coordinator: Coordinator = new Coordinator({
      stuck: () => [],
      killed: () => floor.killed,
      missing: async () => new Map(),
      ...parts,
      halts: () => [],
      rebinding: () => ({ isAllowed: false, failures: new Map() }),
      stagedAt: async () => {
        options.onRound?.(view());
        return new Map();
      },
      afterRound: () => undefined,
      onChange: () => feed?.publish(view()),
    });
    const view = (): StationView =>
      buildStationView({
        stuck: [],
        ...{ name: 'station-7', version: '0.1.0', startedAt: '2026-11-23T06:00:00.000Z' },
        ...{ detector: bays, floor, freeBytes: 48 * 1024 ** 3, belowReserve: false },
        holdsCopies: undefined,
        jobs: coordinator.jobs,
        checkIn: coordinator.checkIn,
        alerts: coordinator.alerts,
        extras: coordinator.extras,
        docks: coordinator.docks,
      });
    let feed: Feed | undefined;
    await coordinator.poke();
    feed = new Feed({ epoch: randomUUID() }, view());
    const server = await serve({ ledger, feed, coordinator, bays, floor, view });
    const close = async () => {
      await server.close();
      await coordinator.close();
      await queue.close(1000);
      await ledger.close();
      await directory[Symbol.asyncDispose]();
    };
    return new Workshop({ server, ledger, bays, coordinator, queue, view, close });
  }

  get url(): string {
    return this.server.url;
  }

  async createJob(name: string, drives: readonly string[], wishes: JobWishes = {}): Promise<Job> {
    const wanted = aNewJob(name, drives);
    const { returnAddress, ...more } = { returnAddress: ADDRESS, ...wishes };
    const address = returnAddress === undefined ? {} : { returnAddress };
    const details = { ...wanted.details, ...address, ...more };
    const job = await this.ledger.createJob({ ...wanted, details }, 'alex');
    await this.#coordinator.poke();
    return job;
  }

  /** Resolves when the copy, if one follows, is over and what comes of it is on the screens. */
  async plug(bay: string, serial: string): Promise<void> {
    this.#bays.plug(bay, serial);
    await this.#coordinator.poke();
    while (await this.#copies()) await sleep(5);
    await this.#coordinator.poke();
  }

  async pull(bay: string): Promise<void> {
    this.#bays.pull(bay);
    await this.#coordinator.poke();
  }

  async stateOf(job: Job): Promise<string | undefined> {
    return (await this.ledger.jobByName(job.id))?.state.name;
  }

  async #copies(): Promise<boolean> {
    const { waiting, running } = await this.#queue.depth();
    return waiting + running > 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

export const ADDRESS = {
  recipientName: 'Contoso, Goods In',
  streetAddress1: 'One Way 1',
  city: 'Redmond',
  postalCode: '98052',
  countryOrRegion: 'USA',
  phone: '555 0100',
  email: 'it@contoso.example',
};

/** What a job says beside its name and drives; an address unless it is `undefined`. */
interface JobWishes extends Partial<Omit<JobDetails, 'returnAddress'>> {
  readonly returnAddress?: JobDetails['returnAddress'] | undefined;
}

/** Bays with the disks that a test has plugged in. */
class Bays implements DiskDetector {
  readonly mode = 'udev';
  readonly #disks = new Map<string, AttachedDisk>();
  #diskseq = 0;

  plug(bay: string, serial: string): void {
    this.#diskseq += 1;
    this.#disks.set(bay, aDisk({ serials: [serial], port: bay, diskseq: this.#diskseq }));
  }

  pull(bay: string): void {
    this.#disks.delete(bay);
  }

  facts() {
    return { known: true, disks: [...this.#disks.values()] } as const;
  }

  onChange(): () => void {
    return () => undefined;
  }

  async rescan(): Promise<void> {}
  noteHealth(): void {}
  noteAdmission(): void {}
  async close(): Promise<void> {}
}

interface Parts {
  readonly ledger: Ledger;
  readonly feed: Feed;
  readonly coordinator: Coordinator;
  readonly bays: Bays;
  readonly floor: Floor;
  view(): StationView;
}

function serve({ ledger, feed, coordinator, bays, floor, view }: Parts): Promise<Server> {
  const poke = () => coordinator.poke();
  const storageAccounts = ['lab'];
  const actions = new Actions({
    ...{ ledger, detector: bays, floor, storageAccounts, poke },
    bootId: 'boot-1',
  });
  const bayOf = ({ jobId, driveId }: DriveRef) =>
    view().drives.find(({ key }) => key === `${jobId}/${driveId}`)?.bay ?? undefined;
  return Server.create(
    {
      ...{ host: '127.0.0.1', port: 0, stationName: 'station-7', version: '0.1.0' },
      ...{ consoleDirectory: CONSOLE_DIRECTORY, checkAnswers: true },
    },
    {
      ...{ ledger, feed, actions, view, logger: createLog('error') },
      operators: operatorActions({ bayOf, whereIs: (ref) => floor.whereIs(ref, bays.facts()) }),
      arm: { locations: new LocationBook({}), storageAccounts, changed: poke },
    },
  );
}

async function copyAtOnce(ledger: Ledger, ref: DriveRef, isBroken: boolean): Promise<void> {
  const { id: copyId } = await ledger.beginCopyAttempt(ref, BOUND_DISK);
  await ledger.transitionDrive(ref, { event: 'copy-started', copyId }, 'station');
  if (!isBroken) {
    const verdict = aVerdict('Completed');
    await ledger.transitionDrive(ref, { event: 'copy-verified', verdict }, 'station');
    return;
  }
  const fault = {
    code: 'disk-unresponsive',
    reason: 'the disk has not answered for 30 s',
    nextStep: 'Try another bay.',
    since: new Date().toISOString(),
    publicState: 'Transferring',
  } as const;
  await ledger.transitionDrive(ref, { event: 'faulted', fault }, 'station');
}
