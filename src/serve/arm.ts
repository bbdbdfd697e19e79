import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../ledger/contract.ts';
import { type ArmAnswer, refusal, sendAnswer, setArmHeaders } from './arm/answer.ts';
import { type ArmDependencies, ArmJobs } from './arm/jobs.ts';
import { listJobs } from './arm/list.ts';
import { OPERATIONS } from './arm/operations.ts';
import { queryOf } from './arm/query.ts';
import type { LocationBook } from './locations.ts';
import { parsed } from './problem.ts';
import type { Handler, Routes } from './routes.ts';

/** All versions that were published; the real service answers each with the same shape. */
const API_VERSIONS = ['2016-11-01', '2020-08-01', '2021-01-01'];
const PROVIDER = '/providers/Microsoft.ImportExport';
const GROUP = '/subscriptions/:subscription/resourceGroups/:group';
/** Who asks, where no access control says more: the public contract carries no name. */
const CLIENT: Actor = 'client';

const query = z.object({
  'api-version': z.union([z.string(), z.array(z.string())]).optional(),
});

/** Whether an address belongs to the ARM surface, whose errors have the ARM shape. */
export function isArmPath(url: string): boolean {
  return /^\/(?:subscriptions|providers)\//iu.test(url);
}

/** The headers that every answer of the ARM surface has. */
export function giveArmHeaders(request: FastifyRequest, reply: FastifyReply): void {
  setArmHeaders(request, reply, randomUUID());
}

/**
 * The resource provider `Microsoft.ImportExport` as customers' programs see it, all ten operations in
 * all three published versions.
 */
export function armRoutes(dependencies: ArmDependencies): Routes {
  const { ledger, locations } = dependencies;
  const jobs = new ArmJobs(dependencies);
  const list = arm((request) => listJobs(request, { ledger, locations }));
  const job = `${GROUP}${PROVIDER}/jobs/:jobName`;
  return {
    [`${PROVIDER}/operations`]: {
      GET: arm(async () => ({ status: 200, body: { value: OPERATIONS } })),
    },
    [`${PROVIDER}/locations`]: {
      GET: arm(async () => ({ status: 200, body: { value: locations.all() } })),
    },
    [`${PROVIDER}/locations/:locationName`]: {
      GET: arm(async (request) => oneLocation(locations, request)),
    },
    [`/subscriptions/:subscription${PROVIDER}/jobs`]: { GET: list },
    [`${GROUP}${PROVIDER}/jobs`]: { GET: list },
    [job]: {
      GET: arm((request) => jobs.get(request)),
      PUT: arm((request) => jobs.put(request, CLIENT)),
      PATCH: arm((request) => jobs.patch(request, CLIENT)),
      DELETE: arm((request) => jobs.delete(request, CLIENT)),
    },
    [`${job}/listBitLockerKeys`]: { POST: arm((request) => jobs.listBitLockerKeys(request)) },
  };
}

const locationParams = z.object({ locationName: z.string() });

function oneLocation(locations: LocationBook, request: FastifyRequest): ArmAnswer {
  const { locationName } = parsed(locationParams, request.params);
  const body = locations.find(locationName);
  if (body !== undefined) return { status: 200, body };
  const message = `The location '${locationName}' was not found.`;
  return refusal(404, { code: 'LocationNotFound', message, target: 'locationName' });
}

/** Headers first, the version second, then the operation. */
function arm(operation: (request: FastifyRequest) => Promise<ArmAnswer>): Handler {
  return async (request, reply) => {
    giveArmHeaders(request, reply);
    return sendAnswer(reply, versionRefusal(request) ?? (await operation(request)));
  };
}

function versionRefusal(request: FastifyRequest): ArmAnswer | undefined {
  const version = parsed(query, queryOf(request))['api-version'];
  if (version === undefined || version === '') {
    const message = 'The api-version query parameter (?api-version=) is required for all requests.';
    return refusal(400, { code: 'MissingApiVersionParameter', message });
  }
  if (typeof version === 'string' && API_VERSIONS.includes(version)) return undefined;
  const message = `The api-version '${String(version)}' is invalid. The supported versions are '${API_VERSIONS.join(',')}'.`;
  return refusal(400, { code: 'InvalidApiVersionParameter', message });
}
