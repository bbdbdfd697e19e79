import type { FastifyReply, FastifyRequest } from 'fastify';
import { isStationError } from '../../errors.ts';

/** What a handler of the ARM surface answers: data, so that a refusal is as visible as a success. */
export interface ArmAnswer {
  readonly status: number;
  /** Left out for an empty body. */
  readonly body?: unknown;
}

/** One thing that is wrong, in the words of the ARM error shape. */
export interface ArmProblem {
  readonly code: string;
  readonly message: string;
  /** The property, query parameter or header that is meant. */
  readonly target?: string;
}

/** The ARM error shape: `error` with its code, words, and `details` where there are several. */
export function refusal(
  status: number,
  problem: ArmProblem,
  details: readonly ArmProblem[] = [],
): ArmAnswer {
  const error = details.length > 0 ? { ...problem, details } : problem;
  return { status, body: { error } };
}

export function notFound(jobName: string, group: string): ArmAnswer {
  const message = `The Resource 'Microsoft.ImportExport/jobs/${jobName}' under resource group '${group}' was not found.`;
  return refusal(404, { code: 'ResourceNotFound', message });
}

/** The ARM answer to a refusal of the ledger; anything else is thrown on. */
export function refusalOf(error: unknown): ArmAnswer {
  if (isStationError(error, 'job-change-refused')) {
    const { property: target } = error.payload;
    return refusal(409, { code: 'JobStateConflict', message: error.message, target });
  }
  if (isStationError(error, 'job-change-incomplete')) {
    const { message } = error;
    const details = error.payload.missing.map((name) => ({
      code: 'MissingRequiredParameter',
      message: `${name} is missing`,
      target: `properties.${name}`,
    }));
    return refusal(400, { code: 'MissingRequiredParameter', message }, details);
  }
  if (isStationError(error, 'job-exists', 'job-not-found')) {
    // Somebody else created or deleted the job between two steps of this request.
    return refusal(409, { code: 'Conflict', message: error.message });
  }
  throw error;
}

/**
 * Sends with the content type that the service has, without a character set: as bytes, because the
 * server would name one for text.
 */
export function sendAnswer(reply: FastifyReply, { status, body }: ArmAnswer): FastifyReply {
  reply.code(status);
  if (body === undefined) return reply.send();
  return reply.type('application/json').send(Buffer.from(JSON.stringify(body)));
}

/** Codes of HTTP and of the station in the words of the Resource Manager. */
const CODES: Readonly<Record<string, string>> = {
  'body-too-large': 'RequestEntityTooLarge',
  'body-not-json': 'InvalidRequestContent',
  'request-invalid': 'InvalidRequestContent',
  'internal-error': 'InternalServerError',
};

/** As the table has it, else `route-not-found` in the spelling of ARM: `RouteNotFound`. */
export function armCode(code: string, status: number): string {
  if (status === 415) return 'UnsupportedMediaType';
  const known = Object.hasOwn(CODES, code) ? CODES[code] : undefined;
  return known ?? code.replace(/(?:^|-)([a-z])/gu, (_all, letter: string) => letter.toUpperCase());
}

/** Ids that a client may give a request to find it again, as the Resource Manager takes them. */
const CLIENT_ID = /^[A-Za-z0-9-]{1,64}$/u;

/** The headers that every answer of the service carries. */
export function setArmHeaders(request: FastifyRequest, reply: FastifyReply, id: string): void {
  const { headers } = request;
  const correlation = idIn(headers['x-ms-correlation-request-id']) ?? id;
  reply.headers({
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    expires: '-1',
    'x-ms-request-id': id,
    'x-ms-correlation-request-id': correlation,
    'x-ms-routing-request-id': `STATION:${routingTime(new Date())}:${correlation}`,
  });
  const clientId = idIn(headers['x-ms-client-request-id']);
  if (clientId !== undefined && headers['x-ms-return-client-request-id'] === 'true') {
    reply.header('x-ms-client-request-id', clientId);
  }
}

/** `20200428T101450Z`, as in recordings. */
function routingTime(at: Date): string {
  return at.toISOString().replace(/[-:]|\.\d+/gu, '');
}

function idIn(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && CLIENT_ID.test(header) ? header : undefined;
}
