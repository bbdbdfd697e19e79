import type { Admission } from '../domain/admission.ts';
import type { DiskHealth, DiskKey, Facts } from '../domain/disk.ts';

/** What the room logs through; a pino logger is one. */
export interface DetectLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface DetectorOptions {
  /** Loop devices whose image lies here count as disks; without it none does. */
  readonly loopbackDirectory?: string | undefined;
  /** No other device is looked at, and no package enumerates the machine. */
  readonly loopbackOnly?: boolean;
  /** Holds the ledger and the journals; the disk below it is the station's own. */
  readonly stateDirectory: string;
  /** A disk must look the same for this long before it becomes a fact. */
  readonly settleMs: number;
  /** Time between scans where udev is not running. */
  readonly scanIntervalMs: number;
  /** Time between scans where udev events are the trigger, in case one was lost. */
  readonly safetyScanIntervalMs: number;
  /** What the technician calls a port: physical path to bay name. */
  readonly bays: Readonly<Record<string, string>>;
  /** Where sysfs is mounted; `/sys` when left out. */
  readonly sysRoot?: string;
  /** Where procfs is mounted; `/proc` when left out. */
  readonly procRoot?: string;
}

export interface DetectorDependencies {
  readonly logger: DetectLogger;
  /** Milliseconds of a clock that never steps back. */
  now(): number;
  /** `lsblk` hangs and was abandoned; with the id of its process group. */
  readonly onToolAbandoned?: (group: number) => void;
  /** Closes the detector when it fires. */
  readonly signal?: AbortSignal;
}

/** What tells the detector that something changed: udev's events, or a periodic scan alone. */
export type DetectMode = 'udev' | 'periodic';

/** The set of attached disks, as the rest of the station sees it. It starts nothing. */
export interface DiskDetector {
  readonly mode: DetectMode;
  facts(): Facts;
  /** The listener runs after every change of the facts; the answer removes it. */
  onChange(listener: () => void): () => void;
  /** Looks now; returns when a scan that began after the call has ended. */
  rescan(): Promise<void>;
  /** Keeps what a health probe answered with the facts of that attachment, while it lasts. */
  noteHealth(key: DiskKey, health: DiskHealth): void;
  /** Keeps what was set before a copy, as `noteHealth` does. */
  noteAdmission(key: DiskKey, admission: Admission): void;
  /** Ends every timer and process of the detector. */
  close(): Promise<void>;
}
