import type { DiskDetector } from '../detect/contract.ts';
import type { Job } from '../domain/job.ts';
import type { OwnStorage, StorageCredential } from '../domain/job-storage.ts';
import { StationError } from '../errors.ts';
import type { Ledger, NewJob } from '../ledger/contract.ts';
import { type DriveName, driveNamed, jobNamed } from '../ledger/named.ts';
import type { Acting, ConfirmDisk, StationActions } from '../serve/actions.ts';
import type { Floor } from './floor.ts';

export interface ActionDependencies {
  /** The one that stands open; actions work on the one that they are given. */
  readonly ledger: Pick<Ledger, 'confirmedDisks'>;
  readonly detector: Pick<DiskDetector, 'facts'>;
  readonly floor: Floor;
  /** Names this boot of the machine; attachments are numbered within it. */
  readonly bootId: string;
  /** Names of the configured storage accounts. */
  readonly storageAccounts: readonly string[];
  /** Asks for a round of decisions; resolves when it was made. */
  poke(): Promise<void>;
}

/** What people and programs may ask of the station, on top of the ledger and the facts. */
export class Actions implements StationActions {
  readonly #deps: ActionDependencies;

  constructor(dependencies: ActionDependencies) {
    this.#deps = dependencies;
  }

  async createJob(job: NewJob, { ledger, actor }: Acting): Promise<Job> {
    if (job.credential === undefined) this.#checkAccount(job);
    return await ledger.createJob(job, actor);
  }

  async replaceCredential(
    jobName: string,
    credential: StorageCredential,
    { ledger, actor }: Acting,
  ): Promise<OwnStorage> {
    const { id } = await jobNamed(ledger, jobName);
    return await ledger.replaceCredential(id, credential, actor);
  }

  async confirmDisk({ disk: key, ...name }: ConfirmDisk, by: Acting): Promise<void> {
    const disk = this.#deps.detector.facts().disks.find((candidate) => candidate.key === key);
    if (disk === undefined) {
      throw new StationError('disk-not-found', `no disk ${key} is plugged in`, { disk: key });
    }
    if (disk.ownUses.length > 0 || disk.exclusion !== undefined) {
      const problem = 'disk: this one belongs to the station and is never copied';
      throw new StationError('request-invalid', problem, { problems: [problem] });
    }
    const { ledger, actor } = by;
    const { ref } = await driveNamed(ledger, name);
    await ledger.confirmDisk({ disk: key, ref, actor }, this.#deps.bootId, actor);
  }

  async retryDrive(name: DriveName, { ledger, actor }: Acting): Promise<void> {
    const { ref } = await driveNamed(ledger, name);
    await ledger.transitionDrive(ref, { event: 'resolved-for-retry' }, actor);
  }

  async takeEffect(): Promise<void> {
    const { ledger, floor, bootId } = this.#deps;
    floor.remember(await ledger.confirmedDisks(bootId));
    await this.#deps.poke();
  }

  #checkAccount({ details: { storageAccount } }: NewJob): void {
    const known = this.#deps.storageAccounts;
    if (known.includes(storageAccount)) return;
    const words = `storageAccount: ${storageAccount} is not configured here (known: ${known.join(', ') || 'none'})`;
    throw new StationError('storage-account-unknown', words, { storageAccount, known });
  }
}
