import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import type { Azurite } from './azurite.ts';

/** Ways into a real store, as customers make them and as job files say them. */

export interface SasOptions {
  readonly permissions?: string;
  readonly expiresOn?: Date;
  /** The key that signs; the store's own unless given. */
  readonly accountKey?: string;
}

const protocol = SASProtocol.HttpsAndHttp;
const inAnHour = () => new Date(Date.now() + 3_600_000);

/** The URL of a container with its SAS. */
export function containerUrl(
  azurite: Azurite,
  container: string,
  options: SasOptions = {},
): string {
  const { permissions = 'rwdl', expiresOn = inAnHour() } = options;
  const sas = generateBlobSASQueryParameters(
    {
      containerName: container,
      permissions: ContainerSASPermissions.parse(permissions),
      protocol,
      expiresOn,
    },
    signer(azurite, options),
  );
  return `${azurite.blobEndpoint}/${container}?${sas}`;
}

/** A SAS for all of the account's blobs. */
export function accountSas(azurite: Azurite, options: SasOptions = {}): string {
  const { permissions = 'rwdlac', expiresOn = inAnHour() } = options;
  const sas = generateAccountSASQueryParameters(
    {
      permissions: AccountSASPermissions.parse(permissions),
      services: AccountSASServices.parse('b').toString(),
      resourceTypes: AccountSASResourceTypes.parse('sco').toString(),
      protocol,
      expiresOn,
    },
    signer(azurite, options),
  );
  return sas.toString();
}

function signer({ accountName, accountKey }: Azurite, options: SasOptions) {
  return new StorageSharedKeyCredential(accountName, options.accountKey ?? accountKey);
}
