import { RestError } from '@azure/storage-blob';
import { z } from 'zod';
import { errnoOf, messageOf } from '../errors.ts';
import { scrub } from '../scrub.ts';
import { retryAfterMs } from './retry-after.ts';

/**
 * What is kept of an SDK error: enough to decide, and to look it up in the service's log; nothing
 * secret. The SDK's errors carry the request, and with it the SAS or the authorization header.
 */
export interface Failure {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;
  readonly detail: string;
  readonly host: string;
  /** The answer is a page for people: blob stores answer XML, or nothing. */
  readonly isPage: boolean;
  /** The answer has nothing of what a blob store writes on all of its own. */
  readonly isStrange: boolean;
  /** By the clock of who answered, in ms since 1970. */
  readonly answeredAt: number | undefined;
  /** How long the store asks to be left alone. */
  readonly retryAfterMs: number | undefined;
  /** Why the service did not take a signature, in its own words. */
  readonly authDetail: string | undefined;
}

/** The parts of an error's `details` that say more than its message does. */
const errorDetails = z.object({
  errorCode: z.string().optional(),
  authenticationErrorDetail: z.string().optional(),
});

export function failureOf(error: unknown): Failure {
  const said = redact(messageOf(error));
  if (!(error instanceof RestError)) {
    const code = errnoOf(error) ?? '';
    return { ...NO_ANSWER, code, detail: said || code || 'unknown error' };
  }
  const status = error.statusCode ?? 0;
  const details = errorDetails.safeParse(error.details).data ?? {};
  const header = (name: string) => error.response?.headers.get(name);
  const isNumbered = (header('x-ms-request-id') ?? header('x-ms-error-code')) !== undefined;
  const code = header('x-ms-error-code') ?? details.errorCode ?? error.code ?? '';
  const answeredAt = Date.parse(header('date') ?? '');
  return {
    ...{ status, code, host: hostOf(error), requestId: header('x-ms-request-id') },
    detail: [status || '', code, said].filter((part) => part !== '').join(' '),
    isPage: header('content-type')?.startsWith('text/html') ?? false,
    isStrange: error.response !== undefined && !isNumbered,
    answeredAt: Number.isNaN(answeredAt) ? undefined : answeredAt,
    retryAfterMs: retryAfterMs(header),
    authDetail: details.authenticationErrorDetail && redact(details.authenticationErrorDetail),
  };
}

const NO_ANSWER = {
  ...{ status: 0, requestId: undefined, host: 'the store', isPage: false },
  ...{ isStrange: false, answeredAt: undefined, retryAfterMs: undefined, authDetail: undefined },
};

function hostOf({ request }: RestError): string {
  return URL.parse(request?.url ?? '')?.hostname ?? NO_ANSWER.host;
}

const MAX_DETAIL_LENGTH = 300;

/** One line without anything that opens a door: no query strings, keys, signatures or tokens. */
export function redact(text: string): string {
  const line = (text.split('\n')[0] ?? '').replace(/\?[\w.~%-]+=[^\s'"<>]*/gu, '');
  // Scrubbed before it is cut: the half of a secret has no shape.
  return scrub(line).slice(0, MAX_DETAIL_LENGTH).trim();
}
