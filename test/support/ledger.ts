import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BoundDisk, DriveId, DriveRef, JobName } from '../../src/domain/job.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import type { Ledger, NewJob } from '../../src/ledger/contract.ts';
import { SqliteLedger, type SqliteLedgerOptions } from '../../src/ledger/sqlite.ts';
import { aJob } from './domain.ts';

/** Ledgers on real files, and what is put into them. */

export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'drive-station-ledger-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export const TEST_TIME = new Date('2026-01-02T03:04:05.678Z');

export function openLedger(
  file: string,
  now: () => Date = () => TEST_TIME,
  more: Pick<SqliteLedgerOptions, 'makeRoom' | 'onError' | 'secrets'> = {},
): Promise<SqliteLedger> {
  const randomHex = (bytes: number) => randomBytes(bytes).toString('hex');
  return SqliteLedger.open({
    file,
    station: 'station-1',
    now,
    uuid: randomUUID,
    randomHex,
    ...more,
  });
}

export function aNewJob(name: string, drives: readonly string[], shipped = true): NewJob {
  return {
    name: name as JobName,
    details: aJob(name).details,
    drives: drives.map((drive) => drive as DriveId),
    shipped,
  };
}

export const BOUND_DISK: BoundDisk = {
  serial: 'SERIAL1',
  sizeBytes: 1_000_000,
  wwns: ['naa.5000c500a1b2c3d4'],
  bay: 'Bay 1',
};

export function aVerdict(outcome: Verdict['outcome']): Verdict {
  return {
    outcome,
    copyStatus: outcome === 'Completed' ? 'Completed' : 'CompletedWithWarnings',
    safeToRemove: true,
    reasons: [{ code: 'all-verified', words: 'All bytes agree.' }],
    plannedBytes: 1_000_000,
    verifiedBytes: 1_000_000,
    kernelWrites: 0,
    blobs: [
      {
        name: 'a/SERIAL1.img',
        url: 'https://lab.example/disks/a/SERIAL1.img',
        plannedBytes: 1_000_000,
        readBytes: 1_000_000,
        computedMd5: '0'.repeat(32),
        treeDigest: '0'.repeat(64),
        committed: { lengthBytes: 1_000_000, md5: '0'.repeat(32), blocksAgree: true },
      },
    ],
  };
}

/** A drive of a new job, up to `Transferring`. */
export async function transferring(ledger: Ledger, jobName: string): Promise<DriveRef> {
  const job = await ledger.createJob(aNewJob(jobName, ['SERIAL1']), 'alex');
  const ref = { jobId: job.id, driveId: 'SERIAL1' as DriveId };
  await ledger.transitionDrive(ref, { event: 'arrived' }, 'station');
  const copy = await ledger.beginCopyAttempt(ref, BOUND_DISK);
  await ledger.transitionDrive(ref, { event: 'copy-started', copyId: copy.id }, 'station');
  return ref;
}
