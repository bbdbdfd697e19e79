import type { DiskDetector } from '../detect/contract.ts';
import { probeHealth } from '../detect/health.ts';
import { askKernel } from '../detect/kernel-answer.ts';
import { resetUsb } from '../detect/usb-reset.ts';
import type { AttachedDisk, DiskHealth } from '../domain/disk.ts';
import type { KernelAnswer, ResetOutcome } from '../domain/hang-ladder.ts';
import type { DiskHolders } from './disk-holders.ts';
import type { DockWatch } from './dock-watch.ts';

export interface DiskQuestionsOptions {
  /** Whether a USB disk that hangs may be reset. */
  readonly resetsUsb: boolean;
}

export interface DiskQuestionsDependencies {
  readonly detector: Pick<DiskDetector, 'noteHealth'>;
  readonly holders: Pick<DiskHolders, 'toolHangs'>;
  readonly docks: { readonly watch: Pick<DockWatch, 'expectReplug'> };
}

/** What a copy has asked of its disk, or done to it, beside its reads. */
export class DiskQuestions {
  readonly #options: DiskQuestionsOptions;
  readonly #deps: DiskQuestionsDependencies;
  readonly #signal: AbortSignal;

  constructor(
    options: DiskQuestionsOptions,
    dependencies: DiskQuestionsDependencies,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#deps = dependencies;
    this.#signal = signal;
  }

  /** Health is asked once for each attachment, before its copy: polling a bridge can kill the link. */
  async health(disk: AttachedDisk, signal: AbortSignal): Promise<DiskHealth> {
    if (disk.health.status !== 'unknown' || disk.transport === 'loop') return disk.health;
    const { detector, holders } = this.#deps;
    const { devicePath, diskseq, bay } = disk;
    const onAbandoned = (pid: number) => holders.toolHangs({ pid, what: 'smartctl', diskseq, bay });
    const health = await probeHealth({ devicePath, onAbandoned }, signal);
    detector.noteHealth(disk.key, health);
    return health;
  }

  async askKernel(disk: AttachedDisk, waitedMs: number): Promise<KernelAnswer> {
    return await askKernel({ ...disk, waitedMs }, this.#signal);
  }

  /** A disk is only reset where the configuration allows it. */
  async reset(disk: AttachedDisk): Promise<ResetOutcome> {
    const isAllowed = this.#options.resetsUsb || disk.transport !== 'usb';
    if (isAllowed && disk.transport === 'usb') this.#deps.docks.watch.expectReplug(disk);
    if (isAllowed) return await resetUsb(disk, this.#signal);
    return { kind: 'skipped', words: 'the configuration does not allow it (copy.resetUsb)' };
  }
}
