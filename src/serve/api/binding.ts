import { isDeepStrictEqual } from 'node:util';
import type { FastifyReply } from 'fastify';
import type { Ledger } from '../../ledger/contract.ts';
import type { Handler, Routes, Verb } from '../routes.ts';
import { actorOf } from './headers.ts';
import type { ActionRoute, ReadRoute, RouteFace, StationRoute } from './route.ts';

export interface BindingOptions {
  readonly ledger: Ledger;
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
    return send(reply, route, answer);
  };
}

function acting(route: ActionRoute, { ledger, checkAnswers }: BindingOptions): Handler {
  return async (request, reply) => {
    const act = route.prepare(request);
    const answer = await act({ ledger, actor: actorOf(request.headers) });
    if (checkAnswers) assertShape(route, answer);
    if (route.location !== undefined) reply.header('location', route.location(answer));
    return send(reply, route, answer);
  };
}

function send(reply: FastifyReply, { status = 200 }: RouteFace, answer: unknown): FastifyReply {
  return reply.code(status).send(answer);
}

/** Throws a `RangeError` when something is wrong or undeclared in what a client would get. */
function assertShape({ id, answer: schema }: RouteFace, answer: unknown): void {
  const sent: unknown = JSON.parse(JSON.stringify(answer));
  const declared = schema.parse(sent);
  if (isDeepStrictEqual(declared, sent)) return;
  throw new RangeError(`${id} answers what its schema does not declare: ${JSON.stringify(sent)}`);
}
