import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { HTTP_BODY_MAX_BYTES } from '../limits.ts';
import { armCode, refusal, sendAnswer } from './arm/answer.ts';
import { giveArmHeaders, isArmPath } from './arm.ts';
import { isOwnHost, isOwnOrigin } from './host.ts';
import { type HttpCode, problemBody, problemOf } from './problem.ts';
import { addRoutes, type Routes } from './routes.ts';

export interface HttpOptions {
  /** The configured address to listen on; also the one name beside loopback that is answered to. */
  readonly host: string;
  readonly routes: readonly Routes[];
}

const READING_VERBS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The HTTP server without its sockets: guards first, then the routes, then what is wrong. */
export function createHttp(options: HttpOptions, logger: FastifyBaseLogger): FastifyInstance {
  const app = Fastify({
    loggerInstance: logger,
    bodyLimit: HTTP_BODY_MAX_BYTES,
    logController: new LogController({ disableRequestLogging: true }),
    // Paths that cannot be decoded, or are too long, come here before any hook.
    frameworkErrors: (error, request, reply) => {
      setCommonHeaders(reply);
      return sendProblem(request, reply, problemOf(error));
    },
    // ARM paths are equal whatever their case, with or without a slash at the end; a drive id can be long.
    routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, maxParamLength: 300 },
  });
  // A form of another site can send plain text without asking first; JSON it cannot.
  app.removeContentTypeParser('text/plain');
  takeEmptyBodies(app);
  app.addHook('onRequest', async (request, reply) => {
    setCommonHeaders(reply);
    const refusal = guard(request, options.host);
    return refusal === undefined ? undefined : sendProblem(request, reply, refusal);
  });
  app.addHook('onResponse', async (request, reply) => {
    const { method, url } = request;
    const milliseconds = Math.round(reply.elapsedTime);
    request.log.debug({ method, url, status: reply.statusCode, milliseconds }, 'answered');
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) request.log.error({ err: error }, 'request failed');
    return sendProblem(request, reply, problem);
  });
  app.setNotFoundHandler((request, reply) => sendProblem(request, reply, routeNotFound(request)));
  for (const routes of options.routes) addRoutes(app, routes, sendProblem);
  return app;
}

/** Many clients name a content type where they send nothing; a route that needs a body says so. */
function takeEmptyBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parseJson(request, String(body), done);
  });
}

interface HttpProblem {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
}

function guard(request: FastifyRequest, host: string): HttpProblem | undefined {
  const header = request.headers.host;
  if (!isOwnHost(header, host)) {
    const message = `This station does not answer to the name ${header ?? '(none)'}.`;
    return problem(421, 'host-not-allowed', message);
  }
  if (READING_VERBS.has(request.method) || isOwnOrigin(request.headers.origin, header)) {
    return undefined;
  }
  const message = `A page of ${request.headers.origin} may not change anything here.`;
  return problem(403, 'origin-not-allowed', message);
}

function problem(status: number, code: HttpCode, message: string): HttpProblem {
  return { status, code, message };
}

function routeNotFound(request: FastifyRequest): HttpProblem {
  return problem(404, 'route-not-found', `There is nothing at ${request.url.split('?')[0]}.`);
}

/** Each surface has its own shape of an error. */
function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, code, message, details = {} }: HttpProblem,
): FastifyReply {
  if (!isArmPath(request.url)) {
    return reply.code(status).send(problemBody({ code, message, details }));
  }
  giveArmHeaders(request, reply);
  return sendAnswer(reply, refusal(status, { code: armCode(code, status), message }));
}

function setCommonHeaders(reply: FastifyReply): void {
  reply.headers({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  });
}
