import { StationError } from '../errors.ts';
import { CLOCK_SKEW_MAX_MS } from '../limits.ts';
import type { StorageRequest } from './azure-errors.ts';
import type { Failure } from './azure-failure.ts';

/**
 * Why a store does not let us in. Each reason has another remedy, so they are told apart by the service's
 * own codes ("Common REST API error codes" and "Shared access signature error codes", Microsoft Learn).
 */

/** The account or a part of it is closed to everybody: a good credential gets the same answer. */
const DISABLED = new Set([
  'AccountIsDisabled',
  'ContainerDisabled',
  'InsufficientAccountPermissions',
]);
/** Refusals of the credential that do not always come with 401 or 403. */
const DENIED = new Set(['InvalidAuthenticationInfo', 'PublicAccessNotPermitted']);
/** What is the matter, where another credential like the one that is there may not help. */
const DENIED_BECAUSE: Readonly<Record<string, string>> = {
  // The service says so of its network rules, Azurite of a wrong key, older services of most things.
  AuthorizationFailure:
    'either the network rules of the account do not let this station in from its address, or the credential is wrong or allows too little',
  AuthorizationSourceIPMismatch: 'the SAS is not for the address that this station comes from',
  KeyBasedAuthenticationNotPermitted:
    'the account takes no access keys (any more), nor a SAS that was signed with one',
  NoAuthenticationInformation: 'the request arrived without its credential',
  PublicAccessNotPermitted: 'the request arrived without its credential',
  AuthorizationPermissionMismatch: 'the credential does not allow this',
  AuthorizationResourceTypeMismatch: 'the SAS is not for this kind of resource',
  AuthorizationServiceMismatch: 'the SAS is not for the blob service',
  AuthorizationProtocolMismatch: 'the SAS is for https alone',
};

/** `undefined` for a refusal that has nothing to do with who asks. */
export function accessError(failure: Failure, request: StorageRequest): StationError | undefined {
  const { status, code, detail } = failure;
  const { operation } = request;
  if (DISABLED.has(code)) {
    const words = `${operation}: the storage account, its container or the right to write there is disabled: ${detail}`;
    return new StationError('account-disabled', words, { operation, status, detail }, failure);
  }
  const isDenied = status === 401 || status === 403 || DENIED.has(code);
  return isDenied ? credentialRefused(failure, request) : undefined;
}

/** A signature is good only near the time that it was made at: a wrong clock looks like a wrong key. */
export function credentialRefused(failure: Failure, { operation }: StorageRequest): StationError {
  const { status, code, answeredAt, authDetail } = failure;
  const skewMs = answeredAt === undefined ? 0 : Date.now() - answeredAt;
  if (Math.abs(skewMs) >= CLOCK_SKEW_MAX_MS) {
    const minutes = Math.round(Math.abs(skewMs) / 60_000);
    const detail = `the station’s clock is ${minutes} minutes ${skewMs < 0 ? 'behind' : 'ahead of'} the store’s`;
    const words = `${operation}: ${detail}, so the store refuses what it signs`;
    return new StationError('storage-clock-skew', words, { operation, skewMs, detail }, failure);
  }
  const because = DENIED_BECAUSE[code];
  const detail = [because, failure.detail, authDetail].filter(Boolean).join(': ');
  const words = `${operation}: the blob store refused the credential: ${detail}`;
  return new StationError('storage-denied', words, { operation, status, detail }, failure);
}
