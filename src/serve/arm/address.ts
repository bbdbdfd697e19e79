import { z } from 'zod';
import { JOB_NAME, type JobName } from '../../domain/job.ts';
import type { JobAddress } from '../../ledger/job-address.ts';
import { type ArmAnswer, type ArmProblem, refusal } from './answer.ts';

/** The names in a path, decoded. A slash or dots that came encoded are in none of these alphabets. */
const SUBSCRIPTION = /^[0-9A-Za-z-]{1,64}$/u;
/** Azure's rule for resource groups. */
const GROUP = /^[\p{L}\p{N}._()-]{0,89}[\p{L}\p{N}_()-]$/u;

const params = z.object({
  subscription: z.string(),
  group: z.string().optional(),
  jobName: z.string().optional(),
});

export interface Scope {
  readonly subscriptionId: string;
  readonly resourceGroup?: string;
}

export type Named<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: ArmAnswer };

/** What a list is asked of. */
export function scopeOf(from: unknown): Named<Scope> {
  const { subscription, group } = params.parse(from);
  if (!SUBSCRIPTION.test(subscription)) {
    return wrong('InvalidSubscriptionId', 'subscription', subscription);
  }
  if (group === undefined) return { ok: true, value: { subscriptionId: subscription } };
  if (!GROUP.test(group)) return wrong('InvalidResourceGroup', 'resource group', group);
  return { ok: true, value: { subscriptionId: subscription, resourceGroup: group } };
}

export type NamedJob = JobAddress & { readonly name: JobName };

export function jobAddressOf(from: unknown): Named<NamedJob> {
  const scope = scopeOf(from);
  if (!scope.ok) return scope;
  const { group: resourceGroup = '', jobName = '' } = params.parse(from);
  if (!isJobName(jobName)) return wrong('InvalidJobName', 'job', jobName);
  const { subscriptionId } = scope.value;
  return { ok: true, value: { subscriptionId, resourceGroup, name: jobName } };
}

function isJobName(name: string): name is JobName {
  return JOB_NAME.test(name);
}

function wrong(code: string, what: string, name: string): Named<never> {
  const problem: ArmProblem = { code, message: `'${name}' is not the name of a ${what}.` };
  return { ok: false, refusal: refusal(400, problem) };
}
