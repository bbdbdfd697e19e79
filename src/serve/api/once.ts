import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isStationError } from '../../errors.ts';
import { canonicalJson } from '../../ledger/canonical-json.ts';
import type { Actor, Ledger } from '../../ledger/contract.ts';
import { problemBody, problemOf } from '../problem.ts';
import type { ActionRoute, RawRequest } from './route.ts';

/**
 * Actions that are done once for each idempotency key. The change, the key and the answer become
 * durable together, so a client that did not hear the answer asks again and gets it, whatever was cut
 * or has crashed in between.
 */

export interface HttpAnswer {
  readonly status: number;
  readonly body: unknown;
}

interface Asked {
  readonly route: ActionRoute;
  readonly request: RawRequest;
  readonly key: string;
  readonly actor: Actor;
}

const kept = z.object({ status: z.int(), body: z.unknown() });

/**
 * All of the action, or nothing: a refusal takes back what was changed before it, and is an answer that
 * is kept like any other. What only the station can be blamed for is thrown, and asking again tries anew.
 */
export async function answerOnce(
  ledger: Ledger,
  { route, request, key, actor }: Asked,
  act: (ledger: Ledger) => Promise<HttpAnswer>,
): Promise<HttpAnswer & { readonly replayed: boolean }> {
  const asked = { key, actor, fingerprint: fingerprintOf(route, request) };
  const { answer, replayed } = await ledger.once(asked, act, refusalOf);
  return { ...kept.parse(answer), replayed };
}

function refusalOf(error: unknown): HttpAnswer | undefined {
  const problem = problemOf(error);
  if (!isStationError(error) || problem.status >= 500) return undefined;
  return { status: problem.status, body: problemBody(problem) };
}

/** Equal for requests that ask for the same, in whatever order they say it. */
function fingerprintOf({ method, path }: ActionRoute, { params, query, body }: RawRequest): string {
  const text = canonicalJson({ method, path, params, query, body });
  return createHash('sha256').update(text).digest('hex');
}
