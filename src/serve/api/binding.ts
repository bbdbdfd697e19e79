import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { FastifyReply } from 'fastify';
import type { Ledger } from '../../ledger/contract.ts';
import type { StationActions } from '../actions.ts';
import { parsed } from '../problem.ts';
import type { Handler, Routes, Verb } from '../routes.ts';
import { actionHeaders, REPLAYED_HEADER } from './headers.ts';
import { answerOnce } from './once.ts';
import type { ActionRoute, ReadRoute, RouteDeclaration, StationRoute } from './route.ts';

export interface BindingOptions {
  readonly ledger: Ledger;
  readonly actions: Pick<StationActions, 'takeEffect'>;
  /** Answers that are not what their schema says are a defect: tests throw, production sends them. */
  readonly checkAnswers: boolean;
}

/** Routes that are data, as handlers of the HTTP server. */
export function boundRoutes(routes: readonly StationRoute[], options: BindingOptions): Routes {
  const bound: Record<string, { [V in Verb]?: Handler }> = {};
  for (const route of routes) {
    const handler = route.method === 'GET' ? reading(route, options) : acting(route, options);
    bound[route.path] = { ...bound[route.path], [route.method]: handler };
  }
  return bound;
}

function reading(route: ReadRoute, { ledger, checkAnswers }: BindingOptions): Handler {
  return async (request, reply) => {
    const answer = await route.prepare(request)(ledger);
    if (checkAnswers) assertShape(route, answer);
    return reply.code(route.status ?? 200).send(answer);
  };
}

/** An action without a key gets one that nobody else has: each is whole or not at all. */
function acting(route: ActionRoute, { ledger, actions, checkAnswers }: BindingOptions): Handler {
  return async (request, reply) => {
    const headers = parsed(actionHeaders, request.headers);
    const { 'x-drive-station-actor': actor, 'idempotency-key': key = randomUUID() } = headers;
    const act = route.prepare(request);
    const { replayed, ...answer } = await answerOnce(
      ledger,
      { route, request, key, actor },
      async (within) => {
        const body = await act({ ledger: within, actor });
        if (checkAnswers) assertShape(route, body);
        return { status: route.status ?? 200, body };
      },
    );
    // Also after a replay: the first time may have ended between the change and its effect.
    if (answer.status < 400) await actions.takeEffect();
    if (replayed) reply.header(REPLAYED_HEADER, 'true');
    return send(reply, route, answer);
  };
}

function send(
  reply: FastifyReply,
  { path, location }: ActionRoute,
  { status, body }: { readonly status: number; readonly body: unknown },
): FastifyReply {
  if (location !== undefined && status < 400) {
    const made = String(Reflect.get(Object(body), location));
    reply.header('location', `${path}/${encodeURIComponent(made)}`);
  }
  return reply.code(status).send(body);
}

/** Throws a `RangeError` when something is wrong or undeclared in what a client would get. */
function assertShape({ id, answer: schema }: RouteDeclaration, answer: unknown): void {
  const sent: unknown = JSON.parse(JSON.stringify(answer));
  const declared = schema.parse(sent);
  if (isDeepStrictEqual(declared, sent)) return;
  throw new RangeError(`${id} answers what its schema does not declare: ${JSON.stringify(sent)}`);
}
