import { RestError } from '@azure/storage-blob';
import { z } from 'zod';
import { errnoOf, messageOf } from '../errors.ts';
import { ForeignSuccess, foreignWords, type HttpAnswer, isForeign } from './foreign-answer.ts';
import { redact } from './redact.ts';
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
  /** The answer is from no blob store. */
  readonly isForeign: boolean;
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
  if (error instanceof ForeignSuccess) return foreignFailure(error.answer);
  if (!(error instanceof RestError)) {
    const code = errnoOf(error) ?? '';
    return { ...NO_ANSWER, code, detail: said || code || 'unknown error' };
  }
  const { response } = error;
  if (response !== undefined && isForeign(response)) return foreignFailure(response);
  const status = error.statusCode ?? 0;
  const details = errorDetails.safeParse(error.details).data ?? {};
  const header = (name: string) => response?.headers.get(name);
  const code = header('x-ms-error-code') ?? details.errorCode ?? error.code ?? '';
  const answeredAt = Date.parse(header('date') ?? '');
  return {
    ...{ status, code, host: hostOf(error.request?.url), requestId: header('x-ms-request-id') },
    detail: [status || '', code, said].filter(Boolean).join(' '),
    isForeign: false,
    answeredAt: Number.isNaN(answeredAt) ? undefined : answeredAt,
    retryAfterMs: retryAfterMs(header),
    authDetail: details.authenticationErrorDetail && redact(details.authenticationErrorDetail),
  };
}

const NO_ANSWER = {
  ...{ status: 0, requestId: undefined, host: 'the store', isForeign: false },
  ...{ answeredAt: undefined, retryAfterMs: undefined, authDetail: undefined },
};

function foreignFailure(answer: HttpAnswer): Failure {
  const { status, headers, request } = answer;
  return {
    ...{ ...NO_ANSWER, status, code: '', host: hostOf(request.url), isForeign: true },
    detail: foreignWords(answer),
    retryAfterMs: retryAfterMs((name) => headers.get(name)),
  };
}

function hostOf(url = ''): string {
  return URL.parse(url)?.hostname ?? NO_ANSWER.host;
}
