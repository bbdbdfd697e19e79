import type { Transaction } from 'kysely';
import {
  type BoundDisk,
  type CopyProgress,
  type Drive,
  type DriveRef,
  driveKey,
  type Job,
  type JobId,
} from '../domain/job.ts';
import type { OwnStorage, StorageCredential } from '../domain/job-storage.ts';
import type { JobDeletion, JobUpdate } from '../domain/job-update.ts';
import type { CopyPlan } from '../domain/plan.ts';
import type { DriveLogs } from '../domain/verdict.ts';
import { SqlAlerts } from './alerts.ts';
import { confirmDisk, confirmedDisks } from './confirmations.ts';
import type {
  Actor,
  BitLockerKey,
  ConfirmedDisk,
  CopyRecord,
  DriveChange,
  JobChange,
  JobPage,
  JobQuery,
  JobWithDrives,
  Ledger,
  LedgerEvent,
  NewJob,
  OnceAnswer,
  OnceRequest,
  PutAnswer,
} from './contract.ts';
import {
  findCopy,
  idsOfOpenCopies,
  insertCopy,
  type SettlingChange,
  settleCopy,
  updateCopy,
} from './copy-rows.ts';
import { replaceCredential } from './credential-changes.ts';
import { credentialOf } from './credential-rows.ts';
import { SqlDocks } from './docks.ts';
import { driveByRef, drivesOfJob, drivesOfJobs, findDrive, setDriveState } from './drive-rows.ts';
import { driveEntity } from './entities.ts';
import { firstBrokenEvent, lastEvent, readEvents } from './event-log.ts';
import type { JobAddress } from './job-address.ts';
import { createJob, deleteJob, putJob, updateJob } from './job-changes.ts';
import { bitLockerKeysOf } from './job-drives.ts';
import { moveJob, setReturnAddress, waitLonger } from './job-moves.ts';
import {
  allJobs,
  allJobsPage,
  findJob,
  finishedJobs,
  jobAt,
  jobPage,
  openJobs,
} from './job-rows.ts';
import { answerOnce } from './kept-answers.ts';
import { OpenTransaction } from './open-transaction.ts';
import { SqlParcels } from './parcels.ts';
import { QueueStore } from './queue-store.ts';
import type { Executor, Tables } from './tables.ts';
import { nextDriveState } from './transitions.ts';
import { type SqlLedgerDependencies, type SqlLedgerOptions, Writer } from './writer.ts';

/** Half of a block id's nonce is enough to tell copies apart; see `BlockIdParts`. */
const NONCE_BYTES = 8;

/** The ledger on any database that Kysely speaks to; which one, says who constructs it. */
export class SqlLedger implements Ledger {
  readonly #options: SqlLedgerOptions;
  readonly #deps: SqlLedgerDependencies;
  readonly #writer: Writer;
  readonly parcels: SqlParcels;
  readonly alerts: SqlAlerts;
  readonly docks: SqlDocks;
  #closed: Promise<void> | undefined;

  constructor(options: SqlLedgerOptions, dependencies: SqlLedgerDependencies) {
    this.#options = options;
    this.#deps = dependencies;
    this.#writer = new Writer(options, dependencies);
    this.parcels = new SqlParcels(this.#writer);
    this.alerts = new SqlAlerts(this.#writer);
    this.docks = new SqlDocks(this.#writer);
  }

  /** The work queue's store, on the same database and in the same transactions. */
  queueStore(): QueueStore {
    const { db, uuid } = this.#deps;
    return new QueueStore({ station: this.#options.station }, { db, uuid });
  }

  async createJob(job: NewJob, actor: Actor): Promise<Job> {
    return await this.#writer.write((db) => createJob(db, job, this.#writer.changeBy(db, actor)));
  }

  async putJob(job: NewJob, actor: Actor): Promise<PutAnswer> {
    return await this.#writer.settleRemoving((db) =>
      putJob(db, job, this.#writer.changeBy(db, actor)),
    );
  }

  async updateJob(id: JobId, update: JobUpdate, actor: Actor): Promise<JobWithDrives> {
    return await this.#writer.settleRemoving((db) =>
      updateJob(db, { id, update }, this.#writer.changeBy(db, actor)),
    );
  }

  async deleteJob(id: JobId, actor: Actor, why: JobDeletion = 'asked'): Promise<void> {
    await this.#writer.settleRemoving((db) =>
      deleteJob(db, { id, why }, this.#writer.changeBy(db, actor)),
    );
  }

  async jobAt(address: JobAddress): Promise<Job | undefined> {
    return await this.#writer.guard(() => jobAt(this.#deps.db, address));
  }

  async listJobs(query: JobQuery): Promise<JobPage> {
    return await this.#writer.guard(() => jobPage(this.#deps.db, query));
  }

  async drivesOfJobs(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, readonly Drive[]>> {
    return await this.#writer.guard(() => drivesOfJobs(this.#deps.db, ids));
  }

  async bitLockerKeys(id: JobId): Promise<readonly BitLockerKey[]> {
    return await this.#writer.guard(() => bitLockerKeysOf(this.#deps.db, id, this.#deps.secrets));
  }

  async storageCredential(id: JobId): Promise<StorageCredential | undefined> {
    return await this.#writer.guard(() => credentialOf(this.#deps.db, id, this.#deps.secrets));
  }

  async replaceCredential(
    id: JobId,
    credential: StorageCredential,
    actor: Actor,
  ): Promise<OwnStorage> {
    return await this.#writer.settleRemoving((db) =>
      replaceCredential(db, { id, credential }, this.#writer.changeBy(db, actor)),
    );
  }

  async jobByName(name: string): Promise<Job | undefined> {
    return await this.#writer.guard(() => findJob(this.#deps.db, name));
  }

  async jobs(): Promise<readonly Job[]> {
    return await this.#writer.guard(() => allJobs(this.#deps.db));
  }

  async jobsPage(page: Pick<JobQuery, 'top' | 'after'>): Promise<JobPage> {
    return await this.#writer.guard(() => allJobsPage(this.#deps.db, page));
  }

  async openJobs(finishedAfter: string): Promise<readonly Job[]> {
    return await this.#writer.guard(() => openJobs(this.#deps.db, finishedAfter));
  }

  async finishedJobs(before: string): Promise<readonly Job[]> {
    return await this.#writer.guard(() => finishedJobs(this.#deps.db, before));
  }

  async drivesOf(jobId: JobId): Promise<readonly Drive[]> {
    return await this.#writer.guard(() => drivesOfJob(this.#deps.db, jobId));
  }

  async drive(ref: DriveRef): Promise<Drive | undefined> {
    return await this.#writer.guard(() => findDrive(this.#deps.db, ref));
  }

  async transitionJob(id: JobId, change: JobChange, actor: Actor): Promise<Job> {
    return await this.#writer.settle((db) =>
      moveJob(db, { id, change }, this.#writer.changeBy(db, actor)),
    );
  }

  async waitLonger(id: JobId, actor: Actor): Promise<Job> {
    return await this.#writer.settle((db) => waitLonger(db, id, this.#writer.changeBy(db, actor)));
  }

  async setReturnAddress(
    id: JobId,
    address: Readonly<Record<string, string>>,
    actor: Actor,
  ): Promise<Job> {
    const change = { id, address };
    return await this.#writer.settle((db) =>
      setReturnAddress(db, change, this.#writer.changeBy(db, actor)),
    );
  }

  async transitionDrive(ref: DriveRef, change: DriveChange, actor: Actor): Promise<Drive> {
    return await this.#writer.settle<Drive>(async (db) => {
      const drive = await driveByRef(db, ref);
      const step = nextDriveState(drive, change, await findCopy(db, ref));
      const entity = driveEntity(ref);
      if (!step.allowed) {
        const attempt = { entity, event: change.event, from: drive.state, actor };
        return await this.#writer.refuse(db, attempt, step.reason);
      }
      await setDriveState(db, ref, step.to);
      if (change.event === 'arrived') await this.parcels.arrived(db, ref, change);
      await this.#carryIntoCopy(db, ref, change);
      const { event: type, ...carried } = change;
      const data = { from: drive.state, to: step.to, ...carried };
      await this.#writer.append(db, { entity, type, data, actor });
      return { done: await driveByRef(db, ref) };
    });
  }

  async beginCopyAttempt(ref: DriveRef, disk: BoundDisk): Promise<CopyRecord> {
    return await this.#writer.write(async (db) => {
      await driveByRef(db, ref);
      const known = await findCopy(db, ref);
      const copy = known === undefined ? await this.#newCopy(db, ref, disk) : oneMore(known);
      if (known !== undefined) await updateCopy(db, copy.id, { attempts: copy.attempts });
      const data = { copyId: copy.id, attempt: copy.attempts, disk };
      const entity = driveEntity(ref);
      await this.#writer.append(db, { entity, type: 'copy-attempt-begun', data, actor: 'station' });
      return copy;
    });
  }

  async copyOf(ref: DriveRef): Promise<CopyRecord | undefined> {
    return await this.#writer.guard(() => findCopy(this.#deps.db, ref));
  }

  async openCopies(): Promise<ReadonlySet<string>> {
    return await this.#writer.guard(() => idsOfOpenCopies(this.#deps.db));
  }

  async recordPlan(copyId: string, plan: CopyPlan): Promise<void> {
    await this.#writer.guard(() =>
      updateCopy(this.#deps.db, copyId, { plan: JSON.stringify(plan) }),
    );
  }

  async recordProgress(copyId: string, progress: CopyProgress): Promise<void> {
    const change = { progress: JSON.stringify(progress) };
    await this.#writer.guard(() => updateCopy(this.#deps.db, copyId, change));
  }

  async recordLogs(ref: DriveRef, logs: DriveLogs): Promise<void> {
    await this.#writer.write(async (db) => {
      const copy = await findCopy(db, ref);
      if (copy === undefined) return;
      await updateCopy(db, copy.id, { logs: JSON.stringify(logs) });
      const entity = driveEntity(ref);
      await this.#writer.append(db, { entity, type: 'logs-written', data: logs, actor: 'station' });
    });
  }

  async confirmDisk(confirmed: ConfirmedDisk, bootId: string, actor: Actor): Promise<void> {
    await confirmDisk(this.#writer, confirmed, { bootId, actor });
  }

  async confirmedDisks(bootId: string): Promise<readonly ConfirmedDisk[]> {
    const { station } = this.#options;
    return await this.#writer.guard(() => confirmedDisks(this.#deps.db, station, bootId));
  }

  async note(entity: string, type: string, data: unknown, actor: Actor): Promise<void> {
    await this.#writer.write((db) => this.#writer.append(db, { entity, type, data, actor }));
  }

  events(afterSequence: number, limit: number): AsyncIterable<LedgerEvent> {
    return readEvents(this.#deps.db, afterSequence, limit);
  }

  async lastEvent(entity?: string): Promise<LedgerEvent | undefined> {
    return await this.#writer.guard(() => lastEvent(this.#deps.db, entity));
  }

  async firstBrokenEvent(): Promise<number | undefined> {
    return await this.#writer.guard(() => firstBrokenEvent(this.#deps.db));
  }

  async once(
    request: OnceRequest,
    work: (ledger: Ledger) => Promise<unknown>,
    refusalOf: (error: unknown) => unknown = () => undefined,
  ): Promise<OnceAnswer> {
    const stamp = { station: this.#options.station, at: this.#deps.now() };
    let failure: { readonly error: unknown } | undefined;
    const attempt = async (db: Transaction<Tables>) => {
      const open = new OpenTransaction(db);
      const within = new SqlLedger(this.#options, { ...this.#deps, db, open });
      try {
        return await open.whole(() => work(within));
      } catch (error) {
        const answer = refusalOf(error);
        if (answer === undefined) {
          failure = { error };
          throw error;
        }
        for (const event of open.refusals) await this.#writer.append(db, event);
        return answer;
      }
    };
    try {
      const transaction = this.#deps.db.transaction();
      const answer = await this.#writer.guard(() =>
        transaction.execute((db) => answerOnce(db, request, { ...stamp, work: () => attempt(db) })),
      );
      await this.#deps.purging.catchUp();
      return answer;
    } catch (error) {
      // What the work throws is no failure of the database, whatever it is.
      throw failure === undefined ? error : failure.error;
    }
  }

  async close(): Promise<void> {
    this.#closed ??= this.#deps.db.destroy();
    await this.#closed;
  }

  async #newCopy(db: Executor, ref: DriveRef, disk: BoundDisk): Promise<CopyRecord> {
    const { uuid, randomHex } = this.#deps;
    const { station } = this.#options;
    return await insertCopy(db, { id: uuid(), station, nonce: randomHex(NONCE_BYTES), ref, disk });
  }

  /** What a drive's change means for its copy: a verdict to keep, or a fresh count of attempts. */
  async #carryIntoCopy(db: Executor, ref: DriveRef, change: DriveChange): Promise<void> {
    const copy = await findCopy(db, ref);
    if (change.event === 'resolved-for-retry') {
      await this.queueStore().forgetFailures(db, driveKey(ref));
      if (copy !== undefined) await updateCopy(db, copy.id, { attempts: 0 });
    }
    if (endsCopy(change) && copy !== undefined) await settleCopy(db, copy, change);
  }
}

function oneMore(copy: CopyRecord): CopyRecord {
  return { ...copy, attempts: copy.attempts + 1 };
}

function endsCopy(change: DriveChange): change is SettlingChange {
  return 'verdict' in change;
}
