import { expect, it } from 'vitest';
import type { Job } from '../../../src/domain/job.ts';
import { ownStorageOf, type StorageCredential } from '../../../src/domain/job-storage.ts';
import { storageOf } from '../../../src/work/accounts.ts';
import { aJob } from '../../support/domain.ts';

const OWN: StorageCredential = {
  kind: 'sas',
  blobEndpoint: 'https://lab.blob.core.windows.net',
  sasToken: 'sv=1&sig=x',
};
/** A configured account that is called like the job's own. */
const accounts = { lab: { kind: 'directory', directory: '/srv/blobs' } } as const;
const ledgerWith = (credential: StorageCredential | undefined) => ({
  accounts,
  ledger: { storageCredential: async () => credential },
});

function ownJob(): Job {
  const job = aJob('own');
  return { ...job, details: { ...job.details, ownStorage: ownStorageOf(OWN) } };
}

it('takes the storage that the job brings, whatever is configured', async () => {
  expect(await storageOf(ownJob(), ledgerWith(OWN))).toEqual(OWN);
});

it('takes the configured account for a job that brings none', async () => {
  expect(await storageOf(aJob('plain'), ledgerWith(undefined))).toEqual(accounts.lab);
});

it('never sends a job’s blobs to a configured account because its own credential is lost', async () => {
  const lost = storageOf(ownJob(), ledgerWith(undefined));
  await expect(lost).rejects.toMatchObject({ code: 'credential-missing' });
});
