import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { HttpCode } from './problem.ts';

export type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;
export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
/** What each path answers to; every other verb gets 405 and the list of those that it takes. */
export type Routes = Readonly<Record<string, { readonly [V in Verb]?: Handler }>>;

const ALL_VERBS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const;
const VERBS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Sends a refusal in the shape of the surface that was asked. */
export type Refuse = (
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: { readonly status: number; readonly code: HttpCode; readonly message: string },
) => FastifyReply;

export function addRoutes(app: FastifyInstance, routes: Routes, refuse: Refuse): void {
  for (const [url, handlers] of Object.entries(routes)) {
    const taken = new Set<HTTPMethods>();
    for (const verb of VERBS) {
      const handler = handlers[verb];
      if (handler === undefined) continue;
      app.route({ method: verb, url, handler: async (request, reply) => handler(request, reply) });
      taken.add(verb);
      // Fastify answers HEAD wherever there is a GET.
      if (verb === 'GET') taken.add('HEAD');
    }
    const allow = [...taken].join(', ');
    const others = ALL_VERBS.filter((verb) => !taken.has(verb));
    const wrongVerb: Handler = (request, reply) => {
      const message = `This address takes ${allow}.`;
      reply.header('allow', allow);
      return refuse(request, reply, { status: 405, code: 'method-not-allowed', message });
    };
    app.route({ method: others, url, handler: wrongVerb });
  }
}
