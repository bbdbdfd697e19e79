import { basename } from 'node:path';
import { admitDisk } from '../detect/admit-disk.ts';
import type { DiskDetector } from '../detect/contract.ts';
import { probeHealth } from '../detect/health.ts';
import { askKernel } from '../detect/kernel-answer.ts';
import { resetUsb } from '../detect/usb-reset.ts';
import { type Admission, commandTimeoutUnder, withSetting } from '../domain/admission.ts';
import { bridgeQuirk } from '../domain/bridge-quirks.ts';
import { type AttachedDisk, type DiskHealth, shownSerial } from '../domain/disk.ts';
import type { KernelAnswer, ResetOutcome } from '../domain/hang-ladder.ts';
import { DISK_RESETS_MAX, TOOL_DEADLINE_MS } from '../limits.ts';
import type { DiskHolders } from './disk-holders.ts';
import type { DockWatch } from './dock-watch.ts';
import { HostDeadlines, type HostDeadlinesDependencies } from './host-deadlines.ts';
import { ResetCount } from './reset-count.ts';

export interface DiskQuestionsOptions {
  /** Whether a USB disk that hangs may be reset. */
  readonly resetUsb: boolean;
  /** A disk that has not answered for this long is given up. */
  readonly readHangMs: number;
  /** A disk that sleeps gets this long until it answers. */
  readonly spinUpMs: number;
  /** As in `AdmissionRules`. */
  readonly errorRecoveryMs: number;
  readonly ehDeadlineMs: number;
  readonly keepAwake: boolean;
  /** Holds what is to be given back to the kernel. */
  readonly hostsDirectory: string;
  readonly bootId: string;
  /** Another sysfs and another smartctl than the machine's. */
  readonly machine?: { readonly sysRoot: string; readonly smartctl: string };
}

export interface DiskQuestionsDependencies extends HostDeadlinesDependencies {
  readonly detector: Pick<DiskDetector, 'facts' | 'noteHealth' | 'noteAdmission'>;
  readonly holders: Pick<DiskHolders, 'toolHangs'>;
  readonly docks: { readonly watch: Pick<DockWatch, 'expectReplug'> };
}

/** What a copy has asked of its disk, or done to it, beside its reads. */
export class DiskQuestions {
  readonly #options: DiskQuestionsOptions;
  readonly #deps: DiskQuestionsDependencies;
  readonly #hosts: HostDeadlines;
  readonly #resets = new ResetCount();
  readonly #closing = new AbortController();

  private constructor(
    options: DiskQuestionsOptions,
    { hosts, ...dependencies }: DiskQuestionsDependencies & { readonly hosts: HostDeadlines },
  ) {
    this.#options = options;
    this.#deps = dependencies;
    this.#hosts = hosts;
  }

  /** Gives back to the kernel what an earlier daemon has left. */
  static async create(
    options: DiskQuestionsOptions,
    dependencies: DiskQuestionsDependencies,
  ): Promise<DiskQuestions> {
    const { hostsDirectory: directory, bootId, ehDeadlineMs, machine } = options;
    const sys = machine === undefined ? {} : { sysRoot: machine.sysRoot };
    const hosts = await HostDeadlines.create(
      { directory, bootId, ehDeadlineMs, ...sys },
      dependencies,
    );
    return new DiskQuestions(options, { ...dependencies, hosts });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#hosts.close();
  }

  /** Health is asked once for each attachment, before its copy: polling a bridge can kill the link. */
  async health(disk: AttachedDisk, signal: AbortSignal): Promise<DiskHealth> {
    if (disk.health.status !== 'unknown' || disk.transport === 'loop') return disk.health;
    if (bridgeQuirk(disk.link) !== undefined) return disk.health;
    const { devicePath } = disk;
    const deadlineMs = this.#deadlineMs;
    const health = await probeHealth({ devicePath, deadlineMs, ...this.#onHang(disk) }, signal);
    this.#deps.detector.noteHealth(disk.key, health);
    return health;
  }

  /**
   * Sets what makes a bad place cost seconds, once for each attachment and before its copy, and holds what
   * the kernel keeps beyond the disk until `release`. Throws `cancelled`.
   */
  async admit(disk: AttachedDisk, signal: AbortSignal): Promise<Admission> {
    const { detector } = this.#deps;
    const { machine = {} } = this.#options;
    const rules = { ...this.#options, commandTimeoutMs: commandTimeoutUnder(this.#options) };
    const options = { rules, deadlineMs: this.#deadlineMs, ...machine, ...this.#onHang(disk) };
    const found = disk.admission ?? (await admitDisk(disk, options, signal));
    const deadline = await this.#hosts.hold(disk, this.#customers());
    const admission = deadline === undefined ? found : withSetting(found, deadline);
    detector.noteAdmission(disk.key, admission);
    return admission;
  }

  /** The copy has ended: what outlives the disk is given back. */
  async release(disk: AttachedDisk): Promise<void> {
    await this.#hosts.release(disk.key);
  }

  async askKernel(disk: AttachedDisk, waitedMs: number): Promise<KernelAnswer> {
    return await askKernel({ ...disk, waitedMs }, this.#closing.signal);
  }

  /**
   * What came of it is told at once: the disk leaves with a reset that is done, and what follows in the
   * log looks like a pull.
   */
  async reset(disk: AttachedDisk): Promise<ResetOutcome> {
    const outcome = await this.#reset(disk);
    const { key, bay } = disk;
    this.#deps.logger.warn({ disk: key, bay, outcome }, 'a disk that hangs was to be reset');
    return outcome;
  }

  /** A disk is only reset where the configuration allows it, and not again and again. */
  async #reset(disk: AttachedDisk): Promise<ResetOutcome> {
    const { resetUsb: isAllowed, machine } = this.#options;
    const isUsb = disk.transport === 'usb';
    if (isUsb && !isAllowed) return skipped('the configuration does not allow it (copy.resetUsb)');
    const name = shownSerial(disk.identity) ?? disk.key;
    if (this.#resets.isUsedUp(name)) {
      return skipped(`it was reset ${DISK_RESETS_MAX} times within a day and hangs again`);
    }
    const onLeaving = () => this.#deps.docks.watch.expectReplug(disk);
    const how = { onLeaving, sysRoot: machine?.sysRoot };
    const outcome = await resetUsb(disk, how, this.#closing.signal);
    if (outcome.kind === 'done') this.#resets.wasReset(name);
    return outcome;
  }

  /** A drive that sleeps spins up before it answers. */
  get #deadlineMs(): number {
    return TOOL_DEADLINE_MS + this.#options.spinUpMs;
  }

  #onHang({ diskseq, bay }: AttachedDisk): { readonly onAbandoned: (pid: number) => void } {
    const { holders } = this.#deps;
    return { onAbandoned: (pid) => holders.toolHangs({ pid, what: 'smartctl', diskseq, bay }) };
  }

  /** The kernel's names of the disks that are candidates for a copy, and nobody else's. */
  #customers(): ReadonlySet<string> {
    const { disks } = this.#deps.detector.facts();
    const free = disks.filter(
      ({ ownUses, exclusion }) => ownUses.length === 0 && exclusion === undefined,
    );
    return new Set(free.map(({ devicePath }) => basename(devicePath)));
  }
}

const skipped = (words: string): ResetOutcome => ({ kind: 'skipped', words });
