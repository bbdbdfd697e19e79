import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { JobFilter, Ledger } from '../../ledger/contract.ts';
import { keyRange } from '../../ledger/job-address.ts';
import { armJob } from '../arm-job.ts';
import type { LocationBook } from '../locations.ts';
import { scopeOf } from './address.ts';
import { type ArmAnswer, refusal } from './answer.ts';
import { parseFilter } from './filter.ts';
import { queryOf } from './query.ts';

/** Published for `$top`; also the length of a page that no `$top` asks to be shorter. */
const MAX_TOP = 100;

const single = z.string().optional();
const query = z.object({ $top: single, $filter: single, $skiptoken: single });

interface Wanted {
  readonly top: number;
  readonly filter: JobFilter;
  readonly after?: string;
}

/** `Jobs_ListBySubscription` and, with a group in the path, `Jobs_ListByResourceGroup`. */
export async function listJobs(
  request: FastifyRequest,
  { ledger, locations }: { readonly ledger: Ledger; readonly locations: LocationBook },
): Promise<ArmAnswer> {
  const scope = scopeOf(request.params);
  if (!scope.ok) return scope.refusal;
  const wanted = wantedOf(queryOf(request));
  if ('status' in wanted) return wanted;
  const { subscriptionId, resourceGroup } = scope.value;
  const [from, below] = keyRange(subscriptionId, resourceGroup);
  if (wanted.after !== undefined && (wanted.after < from || wanted.after >= below)) {
    return wrongQuery('$skiptoken', 'is of another list');
  }
  const page = await ledger.listJobs({ ...scope.value, ...wanted });
  // The service leaves the drives out of the list of a group, and only there.
  const withDrives = resourceGroup === undefined;
  const drives = await ledger.drivesOfJobs(page.jobs.map(({ id }) => id));
  const value = page.jobs.map((job) =>
    armJob(job, drives.get(job.id) ?? [], { locations, withDrives }),
  );
  if (page.next === undefined) return { status: 200, body: { value } };
  return { status: 200, body: { value, nextLink: nextLink(request, page.next) } };
}

function wantedOf(from: unknown): Wanted | ArmAnswer {
  const parsed = query.safeParse(from);
  if (!parsed.success) return wrongQuery(String(parsed.error.issues[0]?.path[0]), 'is given twice');
  const { $top, $filter, $skiptoken } = parsed.data;
  const top = $top === undefined ? MAX_TOP : /^\d{1,3}$/u.test($top) ? Number($top) : 0;
  if (top < 1 || top > MAX_TOP) {
    return wrongQuery('$top', `must be a whole number from 1 to ${MAX_TOP}`);
  }
  const filter = filterOf($filter);
  if ('status' in filter) return filter;
  if ($skiptoken === undefined) return { top, ...filter };
  const after = afterToken($skiptoken);
  return after === undefined
    ? wrongQuery('$skiptoken', 'is none that this service gave')
    : { top, ...filter, after };
}

function filterOf($filter: string | undefined): { readonly filter: JobFilter } | ArmAnswer {
  if ($filter === undefined || $filter.trim() === '') return { filter: {} };
  const answer = parseFilter($filter);
  if (answer.ok) return { filter: answer.filter };
  return wrongQuery('$filter', `at character ${answer.at + 1}: ${answer.problem}`);
}

function wrongQuery(target: string, problem: string): ArmAnswer {
  const message = `The query parameter ${target} is invalid: ${problem}.`;
  return refusal(400, { code: 'InvalidQueryParameterValue', message, target });
}

/** The address of this very request, with the place to go on from. */
function nextLink(request: FastifyRequest, after: string): string {
  const url = new URL(request.url, `${request.protocol}://${request.host}`);
  url.searchParams.set('$skiptoken', Buffer.from(after).toString('base64url'));
  return url.href;
}

function afterToken(token: string): string | undefined {
  if (!/^[\w-]{1,600}$/u.test(token)) return undefined;
  const after = Buffer.from(token, 'base64url').toString('utf8');
  return Buffer.from(after).toString('base64url') === token ? after : undefined;
}
