import { RestError } from '@azure/storage-blob';
import { z } from 'zod';
import { errnoOf, isStationError, messageOf, StationError } from '../errors.ts';
import { scrub } from '../scrub.ts';
import type { WriteCondition } from './contract.ts';
import { blobRefusal, damagedOnItsWay } from './refusals.ts';

/**
 * The one place that turns what the SDK and the network throw into the station's errors. Causes are
 * replaced by a summary: the SDK's errors carry the request, and with it the SAS or the
 * authorization header.
 */

export interface StorageRequest {
  /** In words: `stage block`, `commit` … */
  readonly operation: string;
  readonly blob?: string;
  /** What the request demands of the blob that is there; `must-not-exist` unless it is given. */
  readonly condition?: WriteCondition | 'same-etag' | undefined;
}

/** What is kept of an SDK error: enough to look it up in the service's log, nothing secret. */
interface Failure {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;
  readonly detail: string;
}

/**
 * Request time-out, throttling, the service's own failures and a network that wants a login first: the
 * same request can succeed later.
 * ("Common REST API error codes", Microsoft Learn.)
 */
const WORTH_WAITING = new Set([408, 429, 500, 502, 503, 504, 511]);
/** A container under deletion keeps its name for half a minute or more. */
const WORTH_WAITING_CODES = new Set(['ContainerBeingDeleted', 'ServerBusy', 'OperationTimedOut']);
/** `If-None-Match: *` met a blob; the last is what a SAS with create but without write answers. */
const EXISTS_CODES = new Set(['BlobAlreadyExists', 'ConditionNotMet', 'UnauthorizedBlobOverwrite']);
/** `LeaseLost` is one that was broken while the request was under way. */
const LEASE_CODES = new Set(['LeaseIdMissing', 'LeaseIdMismatchWithBlobOperation', 'LeaseLost']);
/** Errors of the credential chain of @azure/identity, which is loaded only when it is used. */
const CREDENTIAL_ERRORS = new Set([
  'AuthenticationError',
  'AggregateAuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
]);
/** Errno names that a broken response stream brings without the SDK's wrapping. */
const NETWORK_ERRNOS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ENETDOWN',
  'ENETUNREACH',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

export function fromAzure(
  error: unknown,
  request: StorageRequest,
  signal: AbortSignal,
): StationError {
  if (isStationError(error)) return error;
  if (signal.aborted) return new StationError('cancelled', 'cancelled', {}, signal.reason);
  const failure = failureOf(error);
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

function blobCode({ code, status }: Failure, { condition = 'must-not-exist' }: StorageRequest) {
  if (condition === 'same-etag' && code === 'ConditionNotMet') return 'blob-changed';
  if (condition === 'must-not-exist' && EXISTS_CODES.has(code)) return 'destination-exists';
  if (LEASE_CODES.has(code)) return 'blob-leased';
  if (code === 'InvalidBlobType') return 'blob-of-other-type';
  if (code === 'InvalidBlobOrBlock') return 'blocks-in-the-way';
  // An answer to HEAD has no body, and what stands in between may drop the header with the code.
  if (code === 'BlobNotFound' || (status === 404 && code === '')) return 'blob-not-found';
  return undefined;
}

function refusal(error: unknown, failure: Failure, request: StorageRequest): StationError {
  const { operation } = request;
  const { status, detail } = failure;
  if (isAway(error, failure)) {
    const words = `${operation}: the blob store does not answer: ${detail}`;
    return new StationError('storage-unavailable', words, { operation, detail }, failure);
  }
  const payload = { operation, status, detail };
  if (status === 401 || status === 403 || isCredentialError(error)) {
    const words = `${operation}: the blob store refused the credential: ${detail}`;
    return new StationError('storage-denied', words, payload, failure);
  }
  const words = `${operation}: the blob store refused: ${detail}`;
  return new StationError('storage-rejected', words, payload, failure);
}

function isAway(error: unknown, failure: Failure): boolean {
  if (WORTH_WAITING.has(failure.status) || WORTH_WAITING_CODES.has(failure.code)) return true;
  // An error with a status of success or redirection: the words of something in between, a captive
  // portal for one, that is not a blob store.
  if (failure.status >= 200 && failure.status < 400) return true;
  if (failure.status !== 0 || isCredentialError(error)) return false;
  // Without a status no answer was read at all; that includes TLS trouble, which is the network's
  // or the station's fault and never the drive's.
  if (error instanceof RestError) return true;
  return NETWORK_ERRNOS.has(errnoOf(error) ?? '') || isAbort(error);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function isCredentialError(error: unknown): boolean {
  return error instanceof Error && CREDENTIAL_ERRORS.has(error.name);
}

/** The part of an error's `details` that names what went wrong where an answer has no body. */
const errorDetails = z.object({ errorCode: z.string() });

function failureOf(error: unknown): Failure {
  const said = redact(messageOf(error));
  if (!(error instanceof RestError)) {
    const code = errnoOf(error) ?? '';
    return { status: 0, code, requestId: undefined, detail: said || code || 'unknown error' };
  }
  const status = error.statusCode ?? 0;
  const code = serviceCode(error);
  const requestId = error.response?.headers.get('x-ms-request-id');
  const detail = [status || '', code, said].filter((part) => part !== '').join(' ');
  return { status, code, requestId, detail };
}

function serviceCode(error: RestError): string {
  const details = errorDetails.safeParse(error.details);
  const header = error.response?.headers.get('x-ms-error-code');
  return header ?? (details.success ? details.data.errorCode : error.code) ?? '';
}

const MAX_DETAIL_LENGTH = 300;

/** One line without anything that opens a door: no query strings, keys, signatures or tokens. */
export function redact(text: string): string {
  const line = (text.split('\n')[0] ?? '').replace(/\?[\w.~%-]+=[^\s'"<>]*/gu, '');
  // Scrubbed before it is cut: the half of a secret has no shape.
  return scrub(line).slice(0, MAX_DETAIL_LENGTH).trim();
}
