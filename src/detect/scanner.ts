import type { Exclusion, OwnUse } from '../domain/disk.ts';
import type { Sighting } from './attachments.ts';
import type { DetectLogger, DetectorOptions } from './contract.ts';
import { linkOf } from './disk-link.ts';
import { type EnumeratedDisk, type IdentityEvidence, identityOf } from './identity.ts';
import type { DiskIdentityFile } from './identity-file.ts';
import { LoopbackDisks } from './loopback.ts';
import { readUsage } from './mounts.ts';
import { devicePathOf, ownUses } from './own-disks.ts';
import { portPath } from './port-path.ts';
import { attachmentOf, type KnownDescriptions, readDisks, type SysfsDisk } from './sysfs.ts';
import { transportOf } from './transport.ts';
import type { UdevProperties } from './udev-events.ts';

/** The slower sources, which answer from what they last heard. */
export interface Evidence {
  udev(name: string, diskseq: number): UdevProperties | undefined;
  enumerated(name: string, diskseq: number): EnumeratedDisk | undefined;
  /** Whether an answer about this attachment is still to come. */
  pending(name: string, diskseq: number): boolean;
}

export interface Scan {
  readonly sightings: readonly Sighting[];
  /** Changes when a disk comes, goes, changes its size or its mounts. */
  readonly fingerprint: string;
  /** Name and `diskseq` of every disk seen. */
  readonly present: ReadonlyMap<string, number>;
}

export type ScannerOptions = Pick<
  DetectorOptions,
  'loopbackDirectory' | 'loopbackOnly' | 'stateDirectory' | 'bays' | 'sysRoot' | 'procRoot'
>;

interface Candidate {
  readonly sysfs: SysfsDisk;
  readonly uses: readonly OwnUse[];
  readonly exclusion?: Exclusion;
  readonly identityFile?: DiskIdentityFile;
}

/** States in which the kernel has given a disk up: it answers nothing until it is plugged anew. */
const LOST_STATES = new Set(['offline', 'transport-offline', 'deleting', 'dead', 'cancel', 'del']);
const OPTICAL_SCSI_TYPE = 5;

/** Puts one scan together. Reads kernel files only; no disk is opened and no process is started. */
export class Scanner {
  readonly #options: ScannerOptions;
  readonly #evidence: Evidence;
  readonly #loopback: LoopbackDisks;
  #descriptions: KnownDescriptions = new Map();

  constructor(
    options: ScannerOptions,
    dependencies: { readonly evidence: Evidence; readonly logger: DetectLogger },
  ) {
    this.#options = options;
    this.#evidence = dependencies.evidence;
    const directory = options.loopbackDirectory;
    this.#loopback = new LoopbackDisks({ directory }, { logger: dependencies.logger });
  }

  /** Throws when the kernel's own lists cannot be read: then nothing is known, not even absence. */
  async scan(): Promise<Scan> {
    const { sysRoot = '/sys', procRoot = '/proc', stateDirectory } = this.#options;
    const [disks, usage] = await Promise.all([
      readDisks(sysRoot, this.#descriptions),
      readUsage({ sysRoot, procRoot, stateDirectory }),
    ]);
    this.#descriptions = new Map(disks.map((d) => [attachmentOf(d.name, d.diskseq), d]));
    this.#loopback.keepOnly(new Set(disks.map((disk) => disk.diskseq)));
    const uses = ownUses(usage);
    const candidates = await Promise.all(
      disks.map((disk) => this.#classify(disk, uses.get(disk.name) ?? [])),
    );
    const kept = candidates.filter((candidate) => candidate !== undefined);
    return {
      sightings: kept.map((candidate) => this.#sight(candidate)),
      fingerprint: fingerprintOf(kept),
      present: new Map(kept.map(({ sysfs }) => [sysfs.name, sysfs.diskseq])),
    };
  }

  /** `undefined` for what is no disk at all, or no longer one. */
  async #classify(sysfs: SysfsDisk, uses: readonly OwnUse[]): Promise<Candidate | undefined> {
    if (sysfs.hidden || LOST_STATES.has(sysfs.state ?? '')) return undefined;
    if (this.#options.loopbackOnly === true && sysfs.backingFile === undefined) return undefined;
    const candidate = { sysfs, uses };
    if (sysfs.name.startsWith('sr') || sysfs.scsiType === OPTICAL_SCSI_TYPE) {
      return { ...candidate, exclusion: 'optical' };
    }
    if (sysfs.sizeBytes === 0) {
      return sysfs.removable ? { ...candidate, exclusion: 'no-medium' } : undefined;
    }
    if (sysfs.backingFile === undefined) return candidate;
    const answer = await this.#loopback.find(sysfs.backingFile, sysfs.diskseq);
    switch (answer.kind) {
      case 'elsewhere':
        return undefined;
      case 'not-configured':
        return { ...candidate, exclusion: 'loopback-not-configured' };
      case 'disk':
        return { ...candidate, identityFile: answer.identityFile };
    }
  }

  #sight(candidate: Candidate): Sighting {
    const { sysfs, exclusion, identityFile } = candidate;
    const { name, diskseq } = sysfs;
    const udev = this.#evidence.udev(name, diskseq);
    const enumerated = this.#evidence.enumerated(name, diskseq);
    const transport = transportOf(name, sysfs.devpath, enumerated?.drive?.busType);
    const evidence: IdentityEvidence = {
      sysfs,
      transport,
      ...(udev === undefined ? {} : { udev }),
      ...(enumerated === undefined ? {} : { enumerated }),
      ...(identityFile === undefined ? {} : { identityFile }),
    };
    const physicalPath = physicalPathOf(sysfs, udev);
    const link = linkOf(sysfs, physicalPath);
    const disk = {
      ...plainFacts(sysfs),
      ...(link === undefined ? {} : { link }),
      physicalPath,
      bay: this.#options.bays[physicalPath] ?? identityFile?.bay ?? physicalPath,
      transport,
      identity: identityOf(evidence),
      ownUses: [...candidate.uses, ...listedMounts(candidate.uses, enumerated)],
      ...(exclusion === undefined ? {} : { exclusion }),
    };
    return { disk, incomplete: this.#evidence.pending(name, diskseq) };
  }
}

function plainFacts(sysfs: SysfsDisk) {
  const { diskseq, deviceNumber, sizeBytes, logicalSectorBytes, physicalSectorBytes } = sysfs;
  return {
    devicePath: devicePathOf(sysfs.name),
    deviceNumber,
    diskseq,
    sizeBytes,
    logicalSectorBytes,
    physicalSectorBytes,
    rotational: sysfs.rotational,
    kernelReadOnly: sysfs.readOnly,
    writesAtFirstSight: sysfs.writesAtFirstSight,
  };
}

/** A loop device hangs on no port; its own name is the steadiest place it has. */
function physicalPathOf(sysfs: SysfsDisk, udev: UdevProperties | undefined): string {
  if (sysfs.name.startsWith('loop')) return `loop-${sysfs.name}`;
  return udev?.get('ID_PATH') ?? portPath(sysfs);
}

/** What drivelist saw mounted beyond the kernel's own tables. */
function listedMounts(known: readonly OwnUse[], enumerated: EnumeratedDisk | undefined): OwnUse[] {
  const drive = enumerated?.drive;
  if (drive === undefined) return [];
  const seen = new Set(known.map((use) => (use.kind === 'mounted' ? use.mountpoint : '[SWAP]')));
  return drive.mountpoints
    .filter(({ path }) => !seen.has(path))
    .map(({ path }) => ({ kind: 'mounted', device: drive.device, mountpoint: path }));
}

function fingerprintOf(candidates: readonly Candidate[]): string {
  const lines = candidates.map(({ sysfs, uses }) =>
    JSON.stringify([sysfs.name, sysfs.diskseq, sysfs.sizeBytes, uses]),
  );
  return lines.sort().join('\n');
}
