import type { DiskDetector } from '../detect/contract.ts';
import type { Drive, Job } from '../domain/job.ts';
import { StationError } from '../errors.ts';
import type { Actor, Ledger, NewJob } from '../ledger/contract.ts';
import type { ConfirmDisk, DriveName, StationActions } from '../serve/actions.ts';
import type { Floor } from './floor.ts';

export interface ActionDependencies {
  readonly ledger: Ledger;
  readonly detector: DiskDetector;
  readonly floor: Floor;
  /** Names this boot of the machine; attachments are numbered within it. */
  readonly bootId: string;
  /** Names of the configured storage accounts. */
  readonly storageAccounts: readonly string[];
  /** Asks for a round of decisions; resolves when it was made. */
  poke(): Promise<void>;
}

/** What people and programs may ask of the station, on top of the ledger and the floor. */
export class Actions implements StationActions {
  readonly #deps: ActionDependencies;

  constructor(dependencies: ActionDependencies) {
    this.#deps = dependencies;
  }

  async createJob(wanted: NewJob, actor: Actor): Promise<Job> {
    const { storageAccount } = wanted.details;
    const known = this.#deps.storageAccounts;
    if (!known.includes(storageAccount)) {
      const words = `storageAccount: ${storageAccount} is not configured here (known: ${known.join(', ') || 'none'})`;
      throw new StationError('storage-account-unknown', words, { storageAccount, known });
    }
    const job = await this.#deps.ledger.createJob(wanted, actor);
    await this.#deps.poke();
    return job;
  }

  async confirmDisk({ disk: key, ...name }: ConfirmDisk, actor: Actor): Promise<void> {
    const disk = this.#deps.detector.facts().disks.find((candidate) => candidate.key === key);
    if (disk === undefined) {
      throw new StationError('disk-not-found', `no disk ${key} is plugged in`, { disk: key });
    }
    if (disk.ownUses.length > 0 || disk.exclusion !== undefined) {
      const problem = 'disk: this one belongs to the station and is never copied';
      throw new StationError('request-invalid', problem, { problems: [problem] });
    }
    const drive = await this.#drive(name);
    const { ref } = drive;
    await this.#deps.ledger.confirmDisk({ disk: key, ref, actor }, this.#deps.bootId, actor);
    this.#deps.floor.confirmations.set(key, { ref, actor });
    await this.#deps.poke();
  }

  async retryDrive(name: DriveName, actor: Actor): Promise<void> {
    const drive = await this.#drive(name);
    await this.#deps.ledger.transitionDrive(drive.ref, { event: 'resolved-for-retry' }, actor);
    await this.#deps.poke();
  }

  async setCheckIn(jobName: string | null, actor: Actor): Promise<void> {
    const { parcels } = this.#deps.ledger;
    if (jobName !== null) await parcels.open((await this.#job(jobName)).id, undefined, actor);
    else {
      const open = await parcels.checkIn();
      if (open !== undefined) await parcels.complete(open.id, 'come-later', actor);
    }
    await this.#deps.poke();
  }

  async #job(jobName: string): Promise<Job> {
    const job = await this.#deps.ledger.jobByName(jobName);
    if (job !== undefined) return job;
    throw new StationError('job-not-found', `there is no job ${jobName}`, { jobName });
  }

  async #drive({ jobName, driveId }: DriveName): Promise<Drive> {
    const job = await this.#job(jobName);
    const drives = await this.#deps.ledger.drivesOf(job.id);
    const drive = drives.find(({ ref }) => ref.driveId === driveId);
    if (drive !== undefined) return drive;
    const words = `job ${jobName} lists no drive ${driveId}`;
    throw new StationError('drive-not-found', words, { jobName, driveId });
  }
}
