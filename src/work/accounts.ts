import { readFile } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { StorageAccount } from '../blobs/contract.ts';
import type { Job } from '../domain/job.ts';
import { StationError } from '../errors.ts';
import type { Ledger } from '../ledger/contract.ts';

/** A storage account as it is configured: secrets stand there, or in a file of their own. */
export type ConfiguredAccount =
  | {
      kind: 'connection-string';
      connectionString?: string | undefined;
      connectionStringFile?: string | undefined;
    }
  | {
      kind: 'sas';
      blobEndpoint: string;
      sasToken?: string | undefined;
      sasTokenFile?: string | undefined;
    }
  | { kind: 'default-credential'; blobEndpoint: string }
  | { kind: 'directory'; directory: string };

export interface StorageSources {
  readonly accounts: Readonly<Record<string, ConfiguredAccount>>;
  readonly ledger: Pick<Ledger, 'storageCredential'>;
}

/**
 * Where a job's blobs go: the storage that it brings, else the configured account that it names. A job
 * of the first kind never goes to a configured account that happens to have the same name. Throws
 * `secret-unreadable`, and as `storageAccount` does.
 */
export async function storageOf(
  { id, details }: Job,
  { accounts, ledger }: StorageSources,
): Promise<StorageAccount> {
  const own = await ledger.storageCredential(id);
  if (own !== undefined) return own;
  if (details.ownStorage !== undefined) throw missing(details.storageAccount, 'the ledger');
  return await storageAccount(accounts, details.storageAccount);
}

/**
 * The account with its secret, read when it is needed, so that a renewed credential file works
 * without a restart. Throws `storage-account-unknown`, `credential-missing`.
 */
export async function storageAccount(
  accounts: Readonly<Record<string, ConfiguredAccount>>,
  name: string,
): Promise<StorageAccount> {
  const account = accounts[name];
  if (account === undefined) {
    const known = Object.keys(accounts);
    const words = `storage account ${name} is not configured`;
    throw new StationError('storage-account-unknown', words, { storageAccount: name, known });
  }
  switch (account.kind) {
    case 'connection-string': {
      const { connectionString, connectionStringFile } = account;
      return {
        kind: account.kind,
        connectionString: connectionString ?? (await secretFrom(connectionStringFile, name)),
      };
    }
    case 'sas': {
      const { blobEndpoint, sasToken, sasTokenFile } = account;
      const sas = sasToken ?? (await secretFrom(sasTokenFile, name));
      return { kind: account.kind, blobEndpoint, sasToken: sas };
    }
    case 'default-credential':
      return account;
    case 'directory':
      return { ...account, directory: absolute(account.directory) };
  }
}

async function secretFrom(file: string | undefined, name: string): Promise<string> {
  try {
    const secret = file === undefined ? '' : (await readFile(file, 'utf8')).trim();
    if (secret !== '') return secret;
  } catch (cause) {
    throw missing(name, file, cause);
  }
  throw missing(name, file);
}

function missing(name: string, file: string | undefined, cause?: unknown): StationError {
  const words = `the credential of storage account ${name} cannot be read from ${file ?? 'nowhere'}`;
  return new StationError('credential-missing', words, { storageAccount: name }, cause);
}

function absolute(directory: string): string {
  return isAbsolute(directory) ? directory : resolve(directory);
}
