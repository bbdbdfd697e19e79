import type { Admission } from '../domain/admission.ts';
import type { DiskHealth, DiskKey, Facts } from '../domain/disk.ts';
import { messageOf, throwIfCancelled } from '../errors.ts';
import { TOOL_DEADLINE_MS } from '../limits.ts';
import { Attachments } from './attachments.ts';
import type {
  DetectMode,
  DetectorDependencies,
  DetectorOptions,
  DiskDetector,
} from './contract.ts';
import { Enumerator } from './enumerator.ts';
import { type Scan, Scanner } from './scanner.ts';
import { SingleFlight } from './single-flight.ts';
import { UdevDatabase } from './udev-database.ts';
import type { UdevEvent } from './udev-events.ts';
import { UdevMonitor } from './udev-monitor.ts';

export type {
  DetectLogger,
  DetectMode,
  DetectorDependencies,
  DetectorOptions,
  DiskDetector,
} from './contract.ts';

/** One plug gives a dozen events within some milliseconds: one scan answers them all. */
const EVENT_COALESCE_MS = 50;

/**
 * Keeps the facts about attached disks up to date. A udev event, a timer or a call causes a scan; the
 * scan alone changes the facts. A scan that fails or does not end says "unknown" and leaves the last
 * known disks in place. Reads kernel files in this process and runs every tool in a child.
 */
export class Detector implements DiskDetector {
  readonly #options: DetectorOptions;
  readonly #deps: DetectorDependencies;
  readonly #attachments: Attachments;
  readonly #scanner: Scanner;
  readonly #enumerator: Enumerator;
  readonly #monitor: UdevMonitor;
  readonly #udev = new UdevDatabase();
  readonly #flight = new SingleFlight(() => this.#scan());
  readonly #closing = new AbortController();
  readonly #listeners = new Set<() => void>();
  /** Callers of `rescan`; closing lets them go, whatever the scan waits for. */
  readonly #waiting = new Set<() => void>();
  /** udev and the packages look at this machine only; another sysfs is read without them. */
  readonly #machineIsOurs: boolean;
  /** The packages look at every disk of the machine. */
  readonly #enumerates: boolean;
  #facts: Facts = { known: false, reason: 'no scan has ended yet', disks: [] };
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = 0;
  #udevIsStale = true;
  #udevReadMs = Number.NEGATIVE_INFINITY;

  constructor(options: DetectorOptions, dependencies: DetectorDependencies) {
    this.#options = options;
    this.#deps = dependencies;
    this.#machineIsOurs = (options.sysRoot ?? '/sys') === '/sys';
    this.#enumerates = this.#machineIsOurs && options.loopbackOnly !== true;
    this.#attachments = new Attachments(options.settleMs);
    const { logger } = dependencies;
    this.#enumerator = new Enumerator({
      logger,
      onAnswer: () => this.#scanIn(0),
      onAbandoned: (group) => dependencies.onToolAbandoned?.(group),
    });
    this.#monitor = new UdevMonitor(
      {},
      {
        logger,
        onEvent: (event) => this.#onEvent(event),
        onStateChange: (listening) => this.#onListening(listening),
      },
    );
    const evidence = {
      udev: (name: string, diskseq: number) => this.#udev.propertiesOf(name, diskseq),
      enumerated: (name: string, diskseq: number) => this.#enumerator.find(name, diskseq),
      pending: (name: string, diskseq: number) =>
        this.#enumerates && !this.#enumerator.covers(name, diskseq),
    };
    this.#scanner = new Scanner(options, { evidence, logger });
  }

  /** Starts to listen and ends when the first scan has ended. */
  static async create(
    options: DetectorOptions,
    dependencies: DetectorDependencies,
  ): Promise<Detector> {
    if (dependencies.signal !== undefined) throwIfCancelled(dependencies.signal);
    const detector = new Detector(options, dependencies);
    dependencies.signal?.addEventListener('abort', () => void detector.close(), {
      once: true,
      signal: detector.#closing.signal,
    });
    if (detector.#machineIsOurs) await detector.#monitor.start();
    if (detector.mode === 'periodic') {
      const everyMs = options.scanIntervalMs;
      dependencies.logger.info(
        { detection: 'periodic', everyMs },
        'udev is not running; disks are scanned for periodically',
      );
    }
    await detector.rescan();
    return detector;
  }

  get mode(): DetectMode {
    return this.#monitor.listening ? 'udev' : 'periodic';
  }

  facts(): Facts {
    return this.#facts;
  }

  onChange(listener: () => void): () => void {
    const entry = () => listener();
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  async rescan(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    void this.#flight.run().finally(resolve);
    await promise;
    this.#waiting.delete(resolve);
  }

  noteHealth(key: DiskKey, health: DiskHealth): void {
    if (this.#attachments.noteHealth(key, health)) this.#publishLearned();
  }

  noteAdmission(key: DiskKey, admission: Admission): void {
    if (this.#attachments.noteAdmission(key, admission)) this.#publishLearned();
  }

  #publishLearned(): void {
    if (this.#facts.known) this.#publish({ known: true, disks: this.#attachments.disks() });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    this.#listeners.clear();
    for (const letGo of this.#waiting) letGo();
    await Promise.all([this.#monitor.close(), this.#enumerator.close()]);
  }

  #onEvent(event: UdevEvent): void {
    if (event.subsystem !== 'block') return;
    this.#udev.apply(event);
    this.#scanIn(EVENT_COALESCE_MS);
  }

  #onListening(listening: boolean): void {
    this.#udevIsStale = true;
    if (listening) this.#scanIn(0);
    else this.#scanIn(this.#options.scanIntervalMs);
  }

  /** Brings the next scan forward; it is never put off, so a flood of events cannot starve it. */
  #scanIn(delayMs: number): void {
    if (this.#closing.signal.aborted) return;
    const dueMs = this.#deps.now() + delayMs;
    if (this.#timer !== undefined && this.#timerDueMs <= dueMs) return;
    clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#flight.run();
    }, delayMs);
  }

  async #scan(): Promise<void> {
    const overdue = setTimeout(
      () => this.#unknown(`the scan has not ended after ${TOOL_DEADLINE_MS} ms`),
      TOOL_DEADLINE_MS,
    );
    let nextMs = this.#idleMs();
    try {
      await this.#refreshUdev();
      const scan = await this.#scanner.scan();
      if (this.#closing.signal.aborted) return;
      nextMs = Math.min(nextMs, this.#accept(scan));
    } catch (error) {
      this.#unknown(messageOf(error));
    } finally {
      clearTimeout(overdue);
      this.#scanIn(nextMs);
    }
  }

  #accept(scan: Scan): number {
    if (this.#enumerates) this.#enumerator.request(scan.fingerprint, scan.present);
    this.#noticeGaps(scan);
    const dueMs = this.#attachments.update(scan.sightings, this.#deps.now());
    this.#publish({ known: true, disks: this.#attachments.disks() });
    return dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** The database is read whole after every gap in the events; a failure leaves what was known. */
  async #refreshUdev(): Promise<void> {
    if (!this.#udevIsStale || this.mode === 'periodic') return;
    this.#udevIsStale = false;
    this.#udevReadMs = this.#deps.now();
    try {
      await this.#udev.load(this.#closing.signal);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#deps.logger.warn({ reason: messageOf(error) }, 'the udev database could not be read');
    }
  }

  /** A disk without a word from udev means a lost event: the database is read again, not too often. */
  #noticeGaps({ present }: Scan): void {
    const unheard = [...present].some(([name, seq]) => !this.#udev.propertiesOf(name, seq));
    const ageMs = this.#deps.now() - this.#udevReadMs;
    if (unheard && ageMs >= this.#options.safetyScanIntervalMs) this.#udevIsStale = true;
  }

  #idleMs(): number {
    const { safetyScanIntervalMs, scanIntervalMs } = this.#options;
    return this.mode === 'udev' ? safetyScanIntervalMs : scanIntervalMs;
  }

  #unknown(reason: string): void {
    if (this.#closing.signal.aborted) return;
    if (this.#facts.known) this.#deps.logger.error({ reason }, 'what is attached is unknown');
    this.#publish({ known: false, reason, disks: this.#facts.disks });
  }

  #publish(facts: Facts): void {
    if (JSON.stringify(facts) === JSON.stringify(this.#facts)) return;
    this.#facts = facts;
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        this.#deps.logger.error({ reason: messageOf(error) }, 'a listener of detection failed');
      }
    }
  }
}
