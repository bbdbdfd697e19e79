import {
  AnonymousCredential,
  ContainerClient,
  type StoragePipelineOptions,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { AzureContainer } from './azure.ts';
import type { BlobContainer, StorageAccount } from './contract.ts';
import { DirectoryContainer } from './directory.ts';
import { checkContainerName, refused } from './rules.ts';

/** One try a request, since `withRetry` repeats. The SDK keeps connections alive by itself. */
const CLIENT_OPTIONS: StoragePipelineOptions = {
  retryOptions: { maxTries: 1 },
  userAgentOptions: { userAgentPrefix: 'drive-station' },
};

/**
 * The container of an account, by the account's kind. Sends nothing yet: a wrong credential shows at
 * the first request. Throws `storage-rejected` for a name or an account that cannot be one.
 */
export async function openContainer(
  account: StorageAccount,
  container: string,
): Promise<BlobContainer> {
  checkContainerName(container);
  switch (account.kind) {
    case 'connection-string':
      return new AzureContainer(byConnectionString(account.connectionString, container));
    case 'account-key': {
      const { accountName, accountKey } = account;
      const credential = new StorageSharedKeyCredential(accountName, accountKey);
      const { href } = containerUrl(account.blobEndpoint, container);
      return new AzureContainer(new ContainerClient(href, credential, CLIENT_OPTIONS));
    }
    case 'sas':
      return new AzureContainer(bySas(account, container));
    case 'container-sas':
      if (container !== account.container) {
        throw refused('open container', `the SAS is for the container ${account.container} alone`);
      }
      return new AzureContainer(bySas(account, container));
    case 'default-credential': {
      // Loaded only here: the credential chain costs more start-up time than the rest of the program.
      const { DefaultAzureCredential } = await import('@azure/identity');
      const { href } = containerUrl(account.blobEndpoint, container);
      return new AzureContainer(
        new ContainerClient(href, new DefaultAzureCredential(), CLIENT_OPTIONS),
      );
    }
    case 'directory':
      return new DirectoryContainer({ directory: account.directory, container });
  }
}

function bySas(
  { blobEndpoint, sasToken }: { readonly blobEndpoint: string; readonly sasToken: string },
  container: string,
): ContainerClient {
  const url = containerUrl(blobEndpoint, container);
  url.search = sasToken.trim().replace(/^\?/u, '');
  return new ContainerClient(url.href, new AnonymousCredential(), CLIENT_OPTIONS);
}

function byConnectionString(connectionString: string, container: string): ContainerClient {
  try {
    return new ContainerClient(connectionString, container, CLIENT_OPTIONS);
  } catch {
    // The SDK's error is dropped: it may quote the string, and the string holds the key.
    throw refused('open container', 'the connection string is not one of a storage account');
  }
}

function containerUrl(blobEndpoint: string, container: string): URL {
  const url = URL.parse(blobEndpoint);
  if (url === null) throw refused('open container', 'the blob endpoint is not a URL');
  url.search = '';
  url.hash = '';
  url.pathname = `${url.pathname.replace(/\/+$/u, '')}/${container}`;
  return url;
}
