import {
  AnonymousCredential,
  ContainerClient,
  newPipeline,
  type StoragePipelineOptions,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { StationError } from '../errors.ts';
import { AzureContainer } from './azure.ts';
import type { BlobContainer, StorageAccount } from './contract.ts';
import { DirectoryContainer } from './directory.ts';
import { ofStore } from './foreign-answer.ts';
import { checkContainerName, refused } from './rules.ts';
import { Wire } from './wire.ts';

type Credential = ContainerClient['credential'];

/** What the SDK hands on to its core ("PipelineOptions", @azure/core-rest-pipeline). */
interface CoreOptions {
  readonly redirectOptions: { readonly maxRetries: number };
}

/**
 * One try a request, since `withRetry` repeats, and none elsewhere: a blob store sends nobody away, so
 * it is something in between that does.
 */
const CLIENT_OPTIONS: StoragePipelineOptions & CoreOptions = {
  retryOptions: { maxTries: 1 },
  redirectOptions: { maxRetries: 0 },
  userAgentOptions: { userAgentPrefix: 'drive-station' },
};

/**
 * The container of an account, by the account's kind, over connections that `wire` watches. Sends
 * nothing yet: a wrong credential shows at the first request. Throws `storage-rejected` for a name that
 * cannot be one and `storage-unusable` for such an account.
 */
export async function openContainer(
  account: StorageAccount,
  container: string,
  wire: Wire = new Wire(),
): Promise<BlobContainer> {
  checkContainerName(container);
  if (account.kind === 'directory') {
    return new DirectoryContainer({ directory: account.directory, container });
  }
  const { url, credential } = await placeOf(account, container);
  const pipeline = newPipeline(credential, CLIENT_OPTIONS);
  pipeline.factories.push({
    create: (next) => ({
      sendRequest: async (request) => ofStore(await wire.send(request, next)),
    }),
  });
  return new AzureContainer(new ContainerClient(url, pipeline));
}

interface Place {
  readonly url: string;
  readonly credential: Credential;
}

async function placeOf(
  account: Exclude<StorageAccount, { kind: 'directory' }>,
  container: string,
): Promise<Place> {
  switch (account.kind) {
    case 'connection-string':
      return byConnectionString(account.connectionString, container);
    case 'account-key': {
      const { accountName, accountKey } = account;
      const credential = new StorageSharedKeyCredential(accountName, accountKey);
      return { url: containerUrl(account.blobEndpoint, container).href, credential };
    }
    case 'sas':
      return bySas(account, container);
    case 'container-sas':
      if (container !== account.container) {
        throw refused('open container', `the SAS is for the container ${account.container} alone`);
      }
      return bySas(account, container);
    case 'default-credential': {
      // Loaded only here: the credential chain costs more start-up time than the rest of the program.
      const { DefaultAzureCredential } = await import('@azure/identity');
      const url = containerUrl(account.blobEndpoint, container).href;
      return { url, credential: new DefaultAzureCredential() };
    }
  }
}

function bySas(
  { blobEndpoint, sasToken }: { readonly blobEndpoint: string; readonly sasToken: string },
  container: string,
): Place {
  const url = containerUrl(blobEndpoint, container);
  url.search = sasToken.trim().replace(/^\?/u, '');
  return { url: url.href, credential: new AnonymousCredential() };
}

/** The SDK reads the string; its client is made anew because this way it takes no pipeline. */
function byConnectionString(connectionString: string, container: string): Place {
  try {
    const { url, credential } = new ContainerClient(connectionString, container);
    return { url, credential };
  } catch {
    // The SDK's error is dropped: it may quote the string, and the string holds the key.
    throw notSetUp('the connection string is not one of a storage account');
  }
}

function containerUrl(blobEndpoint: string, container: string): URL {
  const url = URL.parse(blobEndpoint);
  if (url === null) throw notSetUp('the blob endpoint is not a URL');
  url.search = '';
  url.hash = '';
  url.pathname = `${url.pathname.replace(/\/+$/u, '')}/${container}`;
  return url;
}

function notSetUp(detail: string): StationError {
  const operation = 'open container';
  const words = `${operation}: ${detail}`;
  return new StationError('storage-unusable', words, { operation, status: 0, detail });
}
