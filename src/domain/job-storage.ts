/**
 * The storage that a job brings itself: where it is and how to get in. Both are one secret, sealed as
 * one in the ledger, so that nobody who can edit a row sends a key to another address.
 */
export type StorageCredential =
  | {
      readonly kind: 'account-key';
      readonly blobEndpoint: string;
      readonly accountName: string;
      /** 64 bytes in Base64. */
      readonly accountKey: string;
    }
  /** A SAS for the whole account. */
  | { readonly kind: 'sas'; readonly blobEndpoint: string; readonly sasToken: string }
  /** A SAS for one container: everything that the job writes lies in it, its logs included. */
  | {
      readonly kind: 'container-sas';
      readonly blobEndpoint: string;
      readonly container: string;
      readonly sasToken: string;
    };

/** What may be shown of it. */
export interface OwnStorage {
  readonly kind: StorageCredential['kind'];
  readonly blobEndpoint: string;
  /** The one container that a SAS is for. */
  readonly container?: string;
  /** End of a SAS as it says it, ISO 8601; absent for a key, and where a policy of the store says it. */
  readonly expiresAt?: string;
}

export function ownStorageOf(credential: StorageCredential): OwnStorage {
  const { kind, blobEndpoint } = credential;
  switch (credential.kind) {
    case 'account-key':
      return { kind, blobEndpoint };
    case 'sas':
      return { kind, blobEndpoint, ...expiryOf(credential.sasToken) };
    case 'container-sas': {
      const { container, sasToken } = credential;
      return { kind, blobEndpoint, container, ...expiryOf(sasToken) };
    }
  }
}

function expiryOf(sasToken: string): Pick<OwnStorage, 'expiresAt'> {
  const expiresAt = new URLSearchParams(sasToken).get('se');
  return expiresAt === null ? {} : { expiresAt };
}

/**
 * Whether a credential leads to where the job's blobs are already. Another way into the same account is
 * fine, as long as it is one into the container that they are in.
 */
export function leadsTo(
  place: { readonly blobEndpoint: string; readonly container?: string },
  credential: StorageCredential,
): boolean {
  if (credential.blobEndpoint !== place.blobEndpoint) return false;
  return credential.kind !== 'container-sas' || credential.container === place.container;
}
