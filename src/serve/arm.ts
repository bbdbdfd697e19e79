import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Job } from '../domain/job.ts';
import type { Ledger } from '../ledger/contract.ts';
import { armJob } from './arm-job.ts';
import { armError, parsed } from './problem.ts';
import type { Routes } from './routes.ts';

/** All versions that were published; the real service answers each with the same shape. */
const API_VERSIONS = ['2016-11-01', '2020-08-01', '2021-01-01'];

const params = z.object({ subscription: z.string(), group: z.string(), jobName: z.string() });
type JobAddress = z.output<typeof params>;
const query = z.object({
  'api-version': z.union([z.string(), z.array(z.string())]).optional(),
});

/** Whether an address belongs to the ARM surface, whose errors have the ARM shape. */
export function isArmPath(url: string): boolean {
  return url.toLowerCase().startsWith('/subscriptions/');
}

/** The read half of the Import/Export resource provider, as a customer's program sees it. */
export function armRoutes(ledger: Ledger): Routes {
  const url =
    '/subscriptions/:subscription/resourceGroups/:group/providers/Microsoft.ImportExport/jobs/:jobName';
  return { [url]: { GET: (request, reply) => getJob(ledger, request, reply) } };
}

async function getJob(ledger: Ledger, request: FastifyRequest, reply: FastifyReply) {
  setArmHeaders(reply);
  const refusal = versionRefusal(request);
  if (refusal !== undefined) return reply.code(400).send(refusal);
  const address = parsed(params, request.params);
  const job = (await ledger.jobs()).find((candidate) => isAt(candidate, address));
  if (job === undefined) {
    const words = `The Resource 'Microsoft.ImportExport/jobs/${address.jobName}' under resource group '${address.group}' was not found.`;
    return reply.code(404).send(armError('ResourceNotFound', words));
  }
  return armJob(job, await ledger.drivesOf(job.id));
}

function versionRefusal(request: FastifyRequest) {
  const version = parsed(query, request.query)['api-version'];
  if (version === undefined || version === '') {
    const words = 'The api-version query parameter (?api-version=) is required for all requests.';
    return armError('MissingApiVersionParameter', words);
  }
  if (typeof version === 'string' && API_VERSIONS.includes(version)) return undefined;
  const words = `The api-version '${String(version)}' is invalid. The supported versions are '${API_VERSIONS.join(',')}'.`;
  return armError('InvalidApiVersionParameter', words);
}

/** Names in resource ids are equal whatever their case. */
function isAt(job: Job, address: JobAddress): boolean {
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  return (
    same(job.name, address.jobName) &&
    same(job.details.resourceGroup, address.group) &&
    same(job.details.subscriptionId, address.subscription)
  );
}

/** The headers that every answer of the real service carries. */
export function setArmHeaders(reply: FastifyReply): void {
  const id = randomUUID();
  reply.headers({
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    expires: '-1',
    'x-ms-request-id': id,
    'x-ms-correlation-request-id': id,
  });
}
