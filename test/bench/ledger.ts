import { performance } from 'node:perf_hooks';
import type { DriveId, JobName } from '../../src/domain/job.ts';
import type { NewJob } from '../../src/ledger/contract.ts';
import { type Serving, SUBSCRIPTION, startServing } from '../support/serving.ts';

/**
 * What Get Job and the two lists cost in a large ledger, over HTTP: milliseconds per job with 100 jobs
 * and with `BENCH_JOBS` (10,000), ten drives each, and the ratio of the two. A ratio near 1 says that
 * the cost of a job does not grow with the number of the others.
 *
 *     node --disable-warning=ExperimentalWarning test/bench/ledger.ts
 */

const SMALL = 100;
const LARGE = Number(process.env.BENCH_JOBS ?? 10_000);
const DRIVES = 10;
const GROUPS = 10;
const ROUNDS = 200;
const API = 'api-version=2021-01-01';
const PROVIDER = 'providers/Microsoft.ImportExport/jobs';

const say = (line: string) => process.stdout.write(`${line}\n`);
const groupOf = (index: number) => `group-${index % GROUPS}`;
const nameOf = (index: number) => `job-${String(index).padStart(5, '0')}`;

function aJob(index: number): NewJob {
  const drives = Array.from({ length: DRIVES }, (_, drive) => `S${index}D${drive}` as DriveId);
  return {
    name: nameOf(index) as JobName,
    details: {
      jobType: 'Import',
      storageAccount: 'contosoarchive',
      subscriptionId: SUBSCRIPTION,
      resourceGroup: groupOf(index),
      location: 'westus',
      diagnosticsPath: 'waimportexport',
      logLevel: 'Error',
      backupDriveManifest: false,
      returnAddress: { recipientName: 'Test', city: 'Redmond' },
      deliveryPackage: { carrierName: 'FedEx', trackingNumber: `T${index}` },
      plan: { kind: 'image', container: 'images', blobPrefix: '' },
    },
    drives,
    driveList: drives.map((driveId) => ({
      driveId,
      bitLockerKey: '238810-662376',
      manifestHash: 'F6',
    })),
    shipped: index % 100 === 0,
  };
}

async function get(at: Serving, path: string): Promise<{ value?: unknown[]; nextLink?: string }> {
  const url = path.startsWith('http')
    ? path
    : `${at.server.url}/subscriptions/${SUBSCRIPTION}/${path}`;
  const response = await fetch(url);
  if (!response.ok) throw new RangeError(`${url}: ${response.status}`);
  return await response.json();
}

/** Milliseconds per job of following a list to its end, and how many jobs that were. */
async function walk(at: Serving, first: string): Promise<{ ms: number; jobs: number }> {
  const began = performance.now();
  let jobs = 0;
  for (let next: string | undefined = first; next !== undefined; ) {
    const page: { value?: unknown[]; nextLink?: string } = await get(at, next);
    jobs += page.value?.length ?? 0;
    next = page.nextLink;
  }
  return { ms: (performance.now() - began) / Math.max(1, jobs), jobs };
}

async function each(times: number, work: (round: number) => Promise<unknown>): Promise<number> {
  for (let round = 0; round < 20; round++) await work(round);
  const began = performance.now();
  for (let round = 0; round < times; round++) await work(round);
  return (performance.now() - began) / times;
}

interface Costs {
  readonly [what: string]: number;
}

async function measure(jobs: number): Promise<Costs> {
  const at = await startServing();
  try {
    const began = performance.now();
    for (let index = 0; index < jobs; index++) await at.ledger.createJob(aJob(index), 'bench');
    const made = (performance.now() - began) / jobs;
    const pick = (round: number) => (round * 7919) % jobs;
    const oneGroup = `resourceGroups/group-3/${PROVIDER}?${API}`;
    const whole = `${PROVIDER}?${API}`;
    const waiting = `${PROVIDER}?${API}&$top=1&$filter=state eq 'Shipping'`;
    await walk(at, whole);
    return {
      'create a job': made,
      'Get Job': await each(ROUNDS, (round) => {
        const index = pick(round);
        return get(at, `resourceGroups/${groupOf(index)}/${PROVIDER}/${nameOf(index)}?${API}`);
      }),
      'list of the subscription, per job': (await walk(at, whole)).ms,
      'list of a group, per job': (await walk(at, oneGroup)).ms,
      'first page of a list by state, one job': await each(ROUNDS, () => get(at, waiting)),
      'list by tracking number': await each(ROUNDS, (round) =>
        get(at, `${PROVIDER}?${API}&$filter=trackingnumber eq 'T${pick(round)}'`),
      ),
    };
  } finally {
    await at.close();
  }
}

const small = await measure(SMALL);
const large = await measure(LARGE);
say(`milliseconds, ${DRIVES} drives a job: ${SMALL} jobs, ${LARGE} jobs, ratio`);
for (const [what, ms] of Object.entries(small)) {
  const much = large[what] ?? Number.NaN;
  say(`${what.padEnd(42)} ${ms.toFixed(3)}  ${much.toFixed(3)}  ${(much / ms).toFixed(2)}`);
}
