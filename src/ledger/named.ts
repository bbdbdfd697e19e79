import type { Drive, Job } from '../domain/job.ts';
import { StationError } from '../errors.ts';
import type { Ledger } from './contract.ts';

/** Jobs and drives as people name them; the job by its name or its id. */

export interface DriveName {
  readonly jobName: string;
  readonly driveId: string;
}

/** Throws `job-not-found`, `job-name-ambiguous`. */
export async function jobNamed(ledger: Ledger, jobName: string): Promise<Job> {
  const job = await ledger.jobByName(jobName);
  if (job !== undefined) return job;
  throw new StationError('job-not-found', `there is no job ${jobName}`, { jobName });
}

/** Throws `drive-not-found`, and what `jobNamed` throws. */
export async function driveNamed(ledger: Ledger, { jobName, driveId }: DriveName): Promise<Drive> {
  const job = await jobNamed(ledger, jobName);
  const drives = await ledger.drivesOf(job.id);
  const drive = drives.find(({ ref }) => ref.driveId === driveId);
  if (drive !== undefined) return drive;
  const words = `job ${jobName} lists no drive ${driveId}`;
  throw new StationError('drive-not-found', words, { jobName, driveId });
}
