import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultDisk, faultDisk } from '../../native-fixtures/fault-disk.ts';
import { driveWords } from '../console/words.ts';
import type { DiskFault } from '../detect/identity-file.ts';
import { StationError, throwIfCancelled } from '../errors.ts';
import type { PlugOptions, PullKind } from '../loopback/contract.ts';
import type { DiskView, DriveView, StationView } from '../serve/wire.ts';
import type { Narrator, StepKind } from './contract.ts';
import type { Daemon, DaemonOptions } from './daemon.ts';
import { jobOf, kernelReads, type TestDisk } from './disks.ts';
import { Heard } from './heard.ts';
import { Rig } from './rig.ts';
import type { Scratch } from './scratch.ts';
import { StageStore } from './stage-store.ts';
import { Store } from './store.ts';
import { Technician } from './technician.ts';

export interface StageOptions {
  /** Names the job, and with it the blobs. */
  readonly name: string;
  /** Holds everything that is written. */
  readonly scratch: Scratch;
}

export interface StageDependencies {
  /** Shared with the faults that come after: it must not be stopped. */
  readonly store: Store;
  readonly narrator: Narrator;
}

export interface StationOptions extends Pick<DaemonOptions, 'copy' | 'detect' | 'docks'> {
  /** With a store of its own, which the fault can stop, kill and bring back. */
  readonly ownStore?: boolean;
}

export interface DiskSpec extends TestDisk {
  /** Set from the moment that the disk is plugged in. */
  readonly faults?: readonly DiskFault[];
}

const NOT_STARTED = 'the entry has not started its station';
const PRIVATE = { loopbackOnly: true };
/** Long enough for several scans and decisions: what has not happened by then does not happen. */
const QUIET_MS = 1000;
const READABLE_LEVEL = 30;

/**
 * What a fault is played on: a daemon of its own in a process of its own that sees no disks but those
 * plugged in here, before a real store with a proxy between them. Every method tells what it does.
 */
export class Stage implements AsyncDisposable {
  readonly #options: StageOptions;
  readonly #deps: StageDependencies;
  readonly #signal: AbortSignal;
  /** What a person does at the bays and at the console. */
  readonly technician: Technician;
  readonly #faults = new Map<string, readonly DiskFault[]>();
  readonly #serials = new Map<string, string>();
  readonly #plugged = new Set<FaultDisk>();
  readonly #heard = new Heard();
  #rig: Rig | undefined;
  #ownStore: Store | undefined;
  #stageStore: StageStore | undefined;

  constructor(options: StageOptions, dependencies: StageDependencies, signal: AbortSignal) {
    this.#options = options;
    this.#deps = dependencies;
    this.#signal = signal;
    this.technician = new Technician(this, dependencies.narrator, signal);
  }

  /** Starts the private station; everything else needs it. */
  async station(options: StationOptions = {}): Promise<void> {
    throwIfCancelled(this.#signal);
    const { name, scratch } = this.#options;
    const { ownStore = false, ...settings } = options;
    if (ownStore) this.#ownStore = await Store.start(scratch, `${name}-store`);
    const detect = { ...PRIVATE, ...settings.detect };
    const daemon = { ...settings, detect, under: scratch.directory, signal: this.#signal };
    this.#rig = await Rig.start(this.#store.azurite, name, daemon);
    const tell = (words: string) => this.tell('made', words);
    this.#stageStore = new StageStore(this.#rig, this.#store, tell);
    this.daemon.onView((view) => this.#heard.view(view));
    this.tell('made', `A private station is up, its console is ${this.daemon.url}`);
    await this.#rest();
  }

  /** The station's process, with all that can be asked of it. */
  get daemon(): Daemon {
    return this.rig.daemon;
  }

  /** The station, its store, and the proxy between them. */
  get rig(): Rig {
    if (this.#rig === undefined) throw failed(NOT_STARTED);
    return this.#rig;
  }

  drive(serial: string): DriveView | undefined {
    return this.daemon.drive(serial);
  }

  disk(bay: string): DiskView | undefined {
    return this.daemon.view?.disks.find((disk) => disk.bay === bay);
  }

  /** Makes an image; answers its path, which stands for the disk from then on. */
  async image({ faults = [], ...disk }: DiskSpec): Promise<string> {
    throwIfCancelled(this.#signal);
    const image = await this.rig.image(disk);
    this.#faults.set(image, faults);
    this.#serials.set(image, disk.serial);
    return image;
  }

  /** Plugs a disk in; what is asked of it next can be asked of the answer. */
  async plug(image: string, options: Omit<PlugOptions, 'attach'> = {}): Promise<FaultDisk> {
    throwIfCancelled(this.#signal);
    const faults = this.#faults.get(image) ?? [];
    const directory = this.daemon.disksDirectory;
    const plugged = await faultDisk(image, { directory, faults, ...options });
    this.#plugged.add(plugged);
    this.tell('made', `Plugged ${this.#serials.get(image)} into ${plugged.disk.bay}.`);
    return plugged;
  }

  /** Pulls a disk while it may be read. */
  async pull(plugged: FaultDisk, kind: PullKind = 'clean-eof'): Promise<void> {
    this.tell('made', `Pulled the disk out of ${plugged.disk.bay}${PULLS[kind]}.`);
    await plugged.disk.pull(kind);
    this.store.release();
  }

  /** Takes a disk out that nobody reads. */
  async unplug(plugged: FaultDisk): Promise<void> {
    this.tell('made', `Took the disk out of ${plugged.disk.bay}.`);
    await plugged.disk.unplug();
  }

  /** Sends a job with these drives on its list; its name is that of the fault. */
  async job(...serials: readonly string[]): Promise<void> {
    this.tell('made', `A job lists ${serials.join(', ')}.`);
    await this.#listed(jobOf(this.rig.job, serials), serials);
  }

  /** Another job beside the first one. */
  async jobNamed(name: string, ...serials: readonly string[]): Promise<void> {
    this.tell('made', `Job ${name} lists ${serials.join(', ')}.`);
    await this.#listed(jobOf(name, serials), serials);
  }

  /** The way to the store: what goes wrong with it, and how slow it is. */
  get store(): StageStore {
    if (this.#stageStore === undefined) throw failed(NOT_STARTED);
    return this.#stageStore;
  }

  /** Waits until some bytes of the drive are safe. No pause follows: the copy goes on. */
  async underWay(serial: string): Promise<void> {
    await this.rig.underWay(serial);
    this.tell('station', `${serial} is being copied.`);
  }

  /**
   * Waits until the first block of a copy is safe, and keeps those that follow on their way, so that
   * whatever comes next happens in its middle. A pull ends that, a trouble of the store too; else
   * `store.release()` does.
   */
  async midCopy(serial: string): Promise<void> {
    this.store.hold(1);
    await this.rig.underWay(serial);
    this.tell('station', `${serial} is being copied.`);
  }

  /** Waits for a state of a drive, and tells what the station says of it then. */
  async until(
    serial: string,
    wanted: (drive: DriveView) => boolean,
    words: string,
    deadlineMs?: number,
  ): Promise<DriveView> {
    const view = await this.daemon.untilDrive(serial, wanted, words, deadlineMs);
    const drive = view.drives.find(({ driveId }) => driveId === serial);
    if (drive === undefined) throw failed(`${serial} is on no list any more`);
    const { label, detail } = driveWords(drive);
    this.tell('station', `${serial}: ${label}${detail === null ? '' : `. ${detail}`}`);
    await this.#rest();
    return drive;
  }

  /** Waits for what the station says of the disk in a bay. */
  async untilDisk(
    bay: string,
    wanted: (disk: DiskView) => boolean,
    words: string,
  ): Promise<DiskView> {
    const find = (view: StationView) => view.disks.find((disk) => disk.bay === bay && wanted(disk));
    const view = await this.daemon.until((v) => find(v) !== undefined, `${bay}: ${words}`);
    const disk = find(view);
    if (disk === undefined) throw failed(`there is no disk in ${bay} any more`);
    this.tell('station', `${bay}: ${disk.match.reason}`);
    await this.#rest();
    return disk;
  }

  /** Waits for a state of the whole station. */
  async untilView(wanted: (view: StationView) => boolean, words: string): Promise<StationView> {
    const view = await this.daemon.until(wanted, words);
    this.tell('station', words);
    await this.#rest();
    return view;
  }

  /** Waits until the drive is `Completed` and its blob is, byte for byte, the image. */
  async arrived(serial: string, image: string): Promise<void> {
    await this.rig.arrived(serial, image);
    this.tell('station', `${serial}: verified. It is safe to remove.`);
    this.tell('checked', `The blob of ${serial} is the disk, byte for byte.`);
    await this.#rest();
  }

  /** What must hold now. */
  check(holds: boolean, words: string): void {
    if (!holds) throw failed(`does not hold: ${words}\n${this.daemon.story()}`);
    this.tell('checked', words);
  }

  /** What must hold for a while, at every moment that is looked at. */
  async stays(holds: () => boolean, words: string, forMs = QUIET_MS): Promise<void> {
    const end = performance.now() + forMs;
    while (performance.now() < end) {
      if (!holds()) throw failed(`did not stay so: ${words}\n${this.daemon.story()}`);
      await sleep(50, undefined, { signal: this.#signal });
    }
    this.tell('checked', words);
  }

  /** What a person does now, and why. */
  advise(words: string): void {
    this.tell('technician', words);
  }

  /** SIGTERM, as a service manager does it; must end with exit code 0. */
  async stop(): Promise<void> {
    this.tell('made', 'The station is told to stop (SIGTERM).');
    const { exitCode } = await this.daemon.stop();
    this.check(exitCode === 0, 'The station stopped with exit code 0.');
  }

  /** SIGKILL to the daemon alone. */
  async kill(): Promise<void> {
    this.tell('made', 'The station is killed (SIGKILL).');
    await this.daemon.kill();
  }

  /** Starts the station again on what it left behind. */
  async restart(): Promise<void> {
    this.tell('made', 'The station is started again.');
    await this.daemon.restart();
  }

  /** Reads of a disk that the kernel has counted since it was plugged in. */
  async readsOf({ disk }: FaultDisk): Promise<number> {
    return (await kernelReads(disk.name)).reads;
  }

  /**
   * Ends the station in order; its log of events must be whole, and every move in it allowed. Answers
   * how often a type of event is in it.
   */
  async events(): Promise<(type: string) => number> {
    await this.#clearFaults();
    const { count } = await this.rig.ledger();
    this.tell('checked', 'The log of events is whole, and every move of a drive was allowed.');
    return count;
  }

  /** Disks that the private station saw and that are none of this stage. */
  get strangers(): readonly string[] {
    return this.#heard.strangers;
  }

  /** Compares the blob of a drive with a SHA-256. */
  async checkBlob(serial: string, sha256: string): Promise<void> {
    const found = await this.rig.blobDigest(serial);
    this.check(found === sha256, `The blob of ${serial} is as it must be, byte for byte.`);
  }

  /** Text that was read somewhere else than on the screens and in the log. */
  hear(text: string): void {
    this.#heard.text(text);
  }

  /** Whether a phrase could be read so far; `…` in it stands for anything. */
  hasHeard(phrase: string): boolean {
    const logged = this.daemon.logs.filter(({ level }) => level >= READABLE_LEVEL);
    const lines = logged.map((line) => JSON.stringify(line));
    return this.#heard.has(phrase, lines);
  }

  tell(kind: StepKind, words: string): void {
    this.#deps.narrator.tell({ kind, words });
  }

  /** Reads hang no longer, the station ends, the disks are taken out, the directory is removed. */
  async [Symbol.asyncDispose](): Promise<void> {
    // In reverse; a part that fails to end does not keep the others.
    await using parts = new AsyncDisposableStack();
    parts.use(this.#ownStore);
    parts.use(this.#rig);
    for (const plugged of this.#plugged) parts.use(plugged);
    await this.#clearFaults();
    await this.#rig?.daemon.kill();
  }

  get #store(): Store {
    return this.#ownStore ?? this.#deps.store;
  }

  /** Reads that hang go on; a disk that was pulled has nothing to clear. */
  async #clearFaults(): Promise<void> {
    for (const plugged of this.#plugged) await plugged.clear().catch(() => undefined);
  }

  /** Sends a job and waits until the screens show its drives. */
  async #listed(job: object, serials: readonly string[]): Promise<void> {
    throwIfCancelled(this.#signal);
    await this.daemon.createJob(job);
    const shown = (view: StationView) =>
      serials.every((serial) => view.drives.some(({ driveId }) => driveId === serial));
    await this.daemon.until(shown, 'the job is shown');
  }

  async #rest(): Promise<void> {
    await this.#deps.narrator.pause(this.#signal);
  }
}

const PULLS: Readonly<Record<PullKind, string>> = {
  'clean-eof': ': reads end as if the disk were over',
  'io-error': ': reads fail, then end',
};

function failed(problem: string) {
  return new StationError('rehearsal-failed', problem, { problem });
}
