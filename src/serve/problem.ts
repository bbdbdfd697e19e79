import type { z } from 'zod';
import { type ErrorCode, isStationError, messageOf, StationError } from '../errors.ts';

/** An error answer of the station API: a code for programs, words for people. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details: unknown;
}

/** A problem as clients of the station API see it. */
export function problemBody({ code, message, details }: Omit<Problem, 'status'>) {
  return { error: { code, message, details } };
}

/** Codes that belong to HTTP itself; all others are those of `docs/ERRORS.md`. */
export type HttpCode =
  | 'route-not-found'
  | 'method-not-allowed'
  | 'host-not-allowed'
  | 'origin-not-allowed'
  | 'body-too-large'
  | 'body-not-json';

const STATUS: { readonly [Code in ErrorCode]?: number } = {
  'request-invalid': 400,
  'job-file-invalid': 400,
  'job-file-too-large': 413,
  'storage-account-unknown': 422,
  'idempotency-key-reused': 422,
  'job-not-found': 404,
  'drive-not-found': 404,
  'parcel-not-found': 404,
  'extra-not-found': 404,
  'alert-not-found': 404,
  'alert-resolved': 409,
  'check-in-refused': 409,
  'disk-not-found': 404,
  'job-exists': 409,
  'job-name-ambiguous': 409,
  'job-change-refused': 409,
  'job-change-incomplete': 400,
  'transition-refused': 409,
  'storage-unavailable': 503,
  'container-missing': 502,
  'storage-clock-skew': 502,
  'storage-denied': 502,
  'account-disabled': 502,
  'storage-unusable': 502,
  'storage-rejected': 502,
};

/** What Fastify says while it reads a request, in our words. */
const FASTIFY_PROBLEMS: Readonly<
  Record<string, { readonly status: number; readonly code: HttpCode }>
> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: 'body-too-large' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { status: 415, code: 'body-not-json' },
  FST_ERR_CTP_EMPTY_JSON_BODY: { status: 400, code: 'body-not-json' },
  FST_ERR_CTP_INVALID_JSON_BODY: { status: 400, code: 'body-not-json' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { status: 400, code: 'body-not-json' },
};

/** The HTTP status of an error of the catalogue; 500 for all that no client can do anything about. */
export function statusOf(code: ErrorCode): number {
  return STATUS[code] ?? 500;
}

/** The answer to anything that was thrown. What was not foreseen is named in the log only. */
export function problemOf(error: unknown): Problem {
  if (isStationError(error)) {
    const { code, message, payload } = error;
    return { status: statusOf(code), code, message, details: payload };
  }
  const known = FASTIFY_PROBLEMS[codeOf(error)];
  if (known !== undefined) return { ...known, message: messageOf(error), details: {} };
  const status = statusIn(error);
  if (status !== undefined && status >= 400 && status < 500) {
    const message = messageOf(error);
    return { status, code: 'request-invalid', message, details: { problems: [message] } };
  }
  const message = 'The station met something it did not expect; its log has the details.';
  return { status: 500, code: 'internal-error', message, details: {} };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function statusIn(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

/** Reads a part of a request; throws `request-invalid` with every problem. */
export function parsed<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const answer = schema.safeParse(value);
  if (answer.success) return answer.data;
  const problems = answer.error.issues.map((issue) => {
    const where = issue.path.map(String).join('.');
    return where === '' ? issue.message : `${where}: ${issue.message}`;
  });
  throw new StationError('request-invalid', problems.join('; '), { problems });
}
