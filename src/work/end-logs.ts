import type { StorageAccount } from '../blobs/contract.ts';
import { BlockSums } from '../copy/block-sums.ts';
import { writeFileLogs } from '../copy/files/write-logs.ts';
import { removeJournal } from '../copy/journal-directory.ts';
import { writeLogs } from '../copy/logs.ts';
import { openPatiently } from '../copy/storage.ts';
import { StoreWord } from '../copy/store-word.ts';
import { type Drive, driveKey, type Job, planOfDrive } from '../domain/job.ts';
import type { ImagePlan } from '../domain/plan.ts';
import type { DriveLogs, Verdict } from '../domain/verdict.ts';
import { isCancelled, messageOf } from '../errors.ts';
import type { Ledger } from '../ledger/contract.ts';
import { journalFileOf } from './staged-at.ts';

export interface EndLogDependencies {
  readonly ledger: Ledger;
  readonly logger: { info(fields: object, message: string): void };
  readonly journalDirectory: string;
  now(): Date;
  storageOf(job: Job): Promise<StorageAccount>;
  /** A drive's logs are known now. */
  onWritten(): void;
}

interface Entry {
  readonly job: Job;
  readonly drives: readonly Drive[];
}

/**
 * Writes the copy logs of drives that a person ended without a copy: every processed drive has one,
 * and here no copy process is left to write it. No disk is touched. A store that is away is waited
 * for; after a restart the next round begins anew, because the ledger still lacks the logs. What the
 * copy kept beside its journal, which can be much, goes then; after a kill in between, at the next start.
 */
export class EndLogs {
  readonly #deps: EndLogDependencies;
  readonly #stop = new AbortController();
  readonly #writing = new Map<string, Promise<void>>();

  constructor(dependencies: EndLogDependencies) {
    this.#deps = dependencies;
  }

  /** Begins with what is due; does not wait for it. */
  round(jobs: readonly Entry[]): void {
    for (const { job, drives } of jobs) {
      for (const drive of drives) {
        const { verdict, logs } = drive;
        if (verdict === undefined || logs !== undefined || !endedByPerson(verdict)) continue;
        this.#begin(driveKey(drive.ref), () => this.#write(job, drive, verdict));
      }
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#writing.values());
  }

  #begin(key: string, work: () => Promise<void>): void {
    if (this.#writing.has(key) || this.#stop.signal.aborted) return;
    const done = work()
      .catch((err) => {
        if (!isCancelled(err)) this.#deps.logger.info({ err, drive: key }, 'no copy log yet');
      })
      .finally(() => this.#writing.delete(key));
    this.#writing.set(key, done);
  }

  async #write(job: Job, drive: Drive, verdict: Verdict): Promise<void> {
    const { ledger, journalDirectory } = this.#deps;
    const logs = await this.#logsOf(job, drive, verdict);
    await ledger.recordLogs(drive.ref, logs);
    this.#deps.onWritten();
    const copy = await ledger.copyOf(drive.ref);
    if (copy !== undefined) await removeJournal(journalFileOf(journalDirectory, copy));
  }

  async #logsOf(job: Job, drive: Drive, verdict: Verdict): Promise<DriveLogs> {
    const { ref, jobName, listed } = drive;
    const { logLevel: level, diagnosticsPath: path } = job.details;
    const plan = planOfDrive(job.details.plan, listed);
    try {
      const storage = await this.#deps.storageOf(job);
      const logs = { jobName, level, path };
      const of = { driveId: ref.driveId, logs, storage };
      const quiet = { word: new StoreWord(() => undefined) };
      const openLogContainer = (name: string) => openPatiently(of, name, quiet);
      const { now } = this.#deps;
      if (plan.kind !== 'image') {
        const assignment = { ...of, plan };
        const log = { driveId: ref.driveId, blobs: [], status: () => verdict.copyStatus };
        const order = { assignment, log, blobsIn: undefined, openLogContainer, now };
        return await writeFileLogs(order, this.#stop.signal);
      }
      const copied = (await this.#deps.ledger.copyOf(ref))?.plan;
      const parts = {
        assignment: { ...of, plan },
        plan: copied?.kind === 'image' ? copied : NOT_PLANNED,
        container: await openLogContainer(plan.container),
        sums: new BlockSums(),
        openLogContainer,
        now,
      };
      return await writeLogs(verdict, parts, this.#stop.signal);
    } catch (error) {
      if (isCancelled(error)) throw error;
      // A credential that is not there any more: told to the operators like any refused log.
      return { problem: messageOf(error) };
    }
  }
}

/** The copy ended before it had a plan. */
const NOT_PLANNED: ImagePlan = { kind: 'image', totalBytes: 0, blobs: [] };

function endedByPerson({ reasons }: Verdict): boolean {
  return reasons.some(({ code }) => code === 'ended-without-copy');
}
