import type { FastifyRequest } from 'fastify';

/**
 * The query of a request with its names in lower case: the Resource Manager knows them in any. What is
 * given in two spellings is given twice, which no parameter may be.
 */
export function queryOf(request: FastifyRequest): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    const key = name.toLowerCase();
    found[key] = key in found ? [found[key], value].flat() : value;
  }
  return found;
}
