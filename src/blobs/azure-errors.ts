import { RestError } from '@azure/storage-blob';
import { isStationError, StationError } from '../errors.ts';
import { awayWords, isOfNetwork } from './away-words.ts';
import { accessError, credentialRefused } from './azure-access.ts';
import { type Failure, failureOf } from './azure-failure.ts';
import type { WriteCondition } from './contract.ts';
import { blobRefusal, damagedOnItsWay } from './refusals.ts';

/**
 * The one place that turns what the SDK and the network throw into the station's errors: what passes by
 * itself is told from what a person has to do something about. Causes are replaced by a summary without
 * secrets.
 */

export const READ_PROPERTIES = 'read properties';

export interface StorageRequest {
  /** In words: `stage block`, `commit` … */
  readonly operation: string;
  readonly blob?: string;
  /** What the request demands of the blob that is there; `must-not-exist` unless it is given. */
  readonly condition?: WriteCondition | 'same-etag' | undefined;
}

/**
 * Request time-out, throttling, and a proxy of the network that wants a login first: the same request can
 * succeed later, as after almost anything that the service calls its own failure (5xx).
 * ("Common REST API error codes", Microsoft Learn.)
 */
const WORTH_WAITING = new Set([407, 408, 429]);
/** What does not know a kind of request (501), or its HTTP (505), does not learn it by being waited for. */
const UNKNOWN_THERE = new Set([501, 505]);
/** A container under deletion keeps its name for half a minute or more. */
const WORTH_WAITING_CODES = new Set([
  'AccountBeingCreated',
  'ContainerBeingDeleted',
  'ServerBusy',
  'OperationTimedOut',
]);
/** `If-None-Match: *` met a blob, or `If-Match` another one or none. */
const EXISTS_CODES = new Set(['BlobAlreadyExists', 'ConditionNotMet']);
/** What a SAS with create but without write answers where a blob is there, whatever the condition. */
const MAY_NOT_OVERWRITE = 'UnauthorizedBlobOverwrite';
/** `LeaseLost` is one that was broken while the request was under way. */
const LEASE_CODES = new Set(['LeaseIdMissing', 'LeaseIdMismatchWithBlobOperation', 'LeaseLost']);
/** Errors of the credential chain of @azure/identity, which is loaded only when it is used. */
const CREDENTIAL_ERRORS = new Set([
  'AuthenticationError',
  'AggregateAuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
]);

export function fromAzure(
  error: unknown,
  request: StorageRequest,
  signal: AbortSignal,
): StationError {
  if (isStationError(error)) return error;
  if (signal.aborted) return new StationError('cancelled', 'cancelled', {}, signal.reason);
  const failure = failureOf(error);
  // From a captive portal or a gateway: what it refuses the store may take later.
  if (failure.isForeign && !UNKNOWN_THERE.has(failure.status)) return away(failure, request);
  return (
    checksumError(failure, request) ??
    blobError(failure, request) ??
    refusal(error, failure, request)
  );
}

function checksumError(failure: Failure, request: StorageRequest): StationError | undefined {
  // Azurite answers InvalidOperation with these words where the service would answer nothing,
  // because a body was cut on its way.
  const cut = /size of the request body \d+ mismatches the content-length/iu.test(failure.detail);
  if (failure.code !== 'Md5Mismatch' && !cut) return undefined;
  return damagedOnItsWay(request.operation, request.blob ?? '', failure);
}

function blobError(failure: Failure, request: StorageRequest): StationError | undefined {
  const { blob } = request;
  const code = blob === undefined ? undefined : blobCode(failure, request);
  return blob === undefined || code === undefined ? undefined : blobRefusal(code, blob, failure);
}

function blobCode({ code, status }: Failure, request: StorageRequest) {
  const { operation, condition = 'must-not-exist' } = request;
  if (condition === 'same-etag' && code === 'ConditionNotMet') return 'blob-changed';
  if (code === 'SequenceNumberConditionNotMet') return 'blob-changed';
  const mayReplaceAny = condition === 'replace' || condition === 'same-etag';
  if (!mayReplaceAny && EXISTS_CODES.has(code)) return 'destination-exists';
  if (condition === 'must-not-exist' && code === MAY_NOT_OVERWRITE) return 'destination-exists';
  if (LEASE_CODES.has(code)) return 'blob-leased';
  if (code === 'InvalidBlobType') return 'blob-of-other-type';
  if (code === 'InvalidBlobOrBlock') return 'blocks-in-the-way';
  // An answer to HEAD has no body, and what stands in between may drop the header with the code.
  const isNameless = operation === READ_PROPERTIES && status === 404 && code === '';
  if (code === 'BlobNotFound' || isNameless) return 'blob-not-found';
  return undefined;
}

function refusal(error: unknown, failure: Failure, request: StorageRequest): StationError {
  const { operation, blob } = request;
  const { status, detail } = failure;
  if (isAway(error, failure)) return away(failure, request);
  if (failure.code === 'ContainerNotFound') {
    const words = `${operation}: the container does not exist (any more): ${detail}`;
    return new StationError('container-missing', words, { operation, detail }, failure);
  }
  const closed = isCredentialError(error)
    ? credentialRefused(failure, request)
    : accessError(failure, request);
  if (closed !== undefined) return closed;
  if (UNKNOWN_THERE.has(status)) return unknownThere(failure, request);
  const words = `${operation}: the blob store refused: ${detail}`;
  const rejected = { operation, status, detail };
  const refused = new StationError('storage-rejected', words, rejected, failure);
  // What was asked of no blob is refused for the sake of none.
  return blob === undefined && status > 0 ? asUnusable(refused) : refused;
}

/** A store that answers, and refuses also what has nothing to do with any drive. */
export function asUnusable(refused: StationError<'storage-rejected'>): StationError {
  const { operation, detail } = refused.payload;
  const words = `${operation}: the blob store refuses whatever it is asked: ${detail}`;
  return new StationError('storage-unusable', words, refused.payload, refused.cause);
}

/** It is refused for the sake of no blob, whatever was asked. */
function unknownThere(failure: Failure, { operation }: StorageRequest): StationError {
  const { status, detail } = failure;
  const words = `${operation}: the blob store, or what stands before it, does not know such requests: ${detail}`;
  return new StationError('storage-unusable', words, { operation, status, detail }, failure);
}

function away(failure: Failure, { operation }: StorageRequest): StationError {
  const { retryAfterMs } = failure;
  const detail = awayWords(failure);
  const words = `${operation}: the blob store does not answer: ${detail}`;
  const later = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new StationError('storage-unavailable', words, { operation, detail, ...later }, failure);
}

function isAway(error: unknown, failure: Failure): boolean {
  const { status, code } = failure;
  const isItsOwn = status >= 500 && !UNKNOWN_THERE.has(status);
  if (WORTH_WAITING.has(status) || isItsOwn || WORTH_WAITING_CODES.has(code)) return true;
  // An error with a status of success or redirection: the words of something in between that is not a
  // blob store.
  if (status >= 200 && status < 400) return true;
  if (status !== 0 || isCredentialError(error)) return false;
  // Without a status no answer was read at all; that includes TLS trouble, which is the network's
  // or the station's fault and never the drive's.
  return error instanceof RestError || isOfNetwork(code) || isAbort(error);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function isCredentialError(error: unknown): boolean {
  return error instanceof Error && CREDENTIAL_ERRORS.has(error.name);
}
