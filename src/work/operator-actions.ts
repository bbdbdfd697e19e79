import { statusOfFault } from '../domain/copy-status.ts';
import type { Drive, DriveRef, Job } from '../domain/job.ts';
import { backTo, type PublicJobState, publicJobState } from '../domain/job-state.ts';
import { stopWaiting } from '../domain/life-cycle.ts';
import { endedWithoutCopy, leftBehindInWords } from '../domain/verdict.ts';
import { StationError } from '../errors.ts';
import type { AlertAnswer } from '../ledger/books.ts';
import type { Alert, JobWithDrives, Ledger } from '../ledger/contract.ts';
import { driveEntity } from '../ledger/entities.ts';
import { driveNamed, jobNamed } from '../ledger/named.ts';
import type { Acting } from '../serve/actions.ts';

import type { OperatorActions, PackingList } from '../serve/operator-actions.ts';
import type { Whereabouts } from './floor.ts';

export interface OperatorDependencies {
  /** The bay in which a drive's disk is plugged in at this moment, or in which its copy still ends. */
  bayOf(ref: DriveRef): string | undefined;
  /** Where its disk may be at this moment. */
  whereIs(ref: DriveRef): Whereabouts;
}

const PUT_ASIDE_NEXT = 'Remove the cause, then let the job go on.';

/** What operators do, on top of the ledger and of what is plugged in. */
export function operatorActions(dependencies: OperatorDependencies): OperatorActions {
  return {
    ...jobActions(),
    ...parcelActions(dependencies),
    acknowledgeAlert: (id, { ledger, actor }) => ledger.alerts.acknowledge(id, actor),
    resolveAlert: (id, answer, by) => resolveAlert(id, answer, { ...by, ...dependencies }),
    endWithoutCopy: async (name, reason, by) => {
      const drive = await driveNamed(by.ledger, name);
      await endWithoutCopy(drive, reason, { ...by, ...dependencies });
    },
  };
}

type Operating = Acting & OperatorDependencies;

function jobActions() {
  return {
    async cancelJob(jobName: string, { ledger, actor }: Acting) {
      const { id } = await jobNamed(ledger, jobName);
      return await ledger.updateJob(id, { cancelRequested: true }, actor);
    },
    async putAside(jobName: string, reason: string, { ledger, actor }: Acting) {
      const { id } = await jobNamed(ledger, jobName);
      const fault = { code: 'put-aside', reason, nextStep: PUT_ASIDE_NEXT } as const;
      await ledger.transitionJob(id, { event: 'faulted', fault }, actor);
      return await withDrives(ledger, id);
    },
    resolveJob: async (jobName: string, to: Job['state']['name'] | undefined, by: Acting) => {
      const job = await jobNamed(by.ledger, jobName);
      await goOn(job, to === undefined || to === 'Faulted' ? {} : { to }, by);
      return await withDrives(by.ledger, job.id);
    },
    async waitLonger(jobName: string, { ledger, actor }: Acting) {
      const { id } = await jobNamed(ledger, jobName);
      await ledger.waitLonger(id, actor);
      return await withDrives(ledger, id);
    },
    async stopWaiting(jobName: string, by: Acting) {
      const { id } = await jobNamed(by.ledger, jobName);
      await giveUpWaiting(id, by);
      return await withDrives(by.ledger, id);
    },
    async setReturnAddress(
      jobName: string,
      address: Readonly<Record<string, string>>,
      { ledger, actor }: Acting,
    ) {
      const { id } = await jobNamed(ledger, jobName);
      await ledger.setReturnAddress(id, address, actor);
      return await withDrives(ledger, id);
    },
  } satisfies Partial<OperatorActions>;
}

function parcelActions({ bayOf }: OperatorDependencies) {
  const packingList = async (jobName: string, ledger: Ledger): Promise<PackingList> => {
    const { id } = await jobNamed(ledger, jobName);
    const { job, drives } = await withDrives(ledger, id);
    const here = await ledger.parcels.extras('here');
    const extras = here.filter((extra) => extra.jobId === id);
    return { job, drives, extras, problems: packingProblems({ job, drives }, bayOf) };
  };
  return {
    packingList,
    async openParcel(jobName, shipment, { ledger, actor }) {
      const { id } = await jobNamed(ledger, jobName);
      return await ledger.parcels.open(id, shipment, actor);
    },
    async completeParcel(missing, { ledger, actor }) {
      const open = await ledger.parcels.checkIn();
      if (open !== undefined) return await ledger.parcels.complete(open.id, missing, actor);
      const reason = 'no parcel is being unpacked';
      throw new StationError('check-in-refused', `check-in: ${reason}`, { reason });
    },
    async assignExtra(id, jobName, { ledger, actor }) {
      const job = await jobNamed(ledger, jobName);
      return await ledger.parcels.assignExtra(id, job.id, actor);
    },
    takeExtraAway: (id, { ledger, actor }) => ledger.parcels.takeExtraAway(id, actor),
    async sendBack(jobName, shipment, { ledger, actor }) {
      const { job, drives } = await packingList(jobName, ledger);
      const inBays = plugged(drives, bayOf);
      return await ledger.parcels.sendBack(job.id, { ...shipment, inBays }, actor);
    },
  } satisfies Partial<OperatorActions>;
}

/** What hinders the parcel, each with what to do. */
function packingProblems(
  { job, drives }: JobWithDrives,
  bayOf: OperatorDependencies['bayOf'],
): string[] {
  const problems: string[] = [];
  if (job.state.name !== 'Packaging') {
    problems.push(`The job is ${job.state.name}; drives go back when it is in Packaging.`);
  }
  if (job.details.returnAddress === undefined) {
    problems.push('There is no return address: contact the customer and put it into the job.');
  }
  const busy = drives.filter(({ state }) => ['Transferring', 'Faulted'].includes(state.name));
  for (const { ref, state } of busy) problems.push(`${ref.driveId} is ${state.name}.`);
  const inBays = plugged(drives, bayOf);
  if (inBays.length > 0) problems.push(`Still plugged in: ${inBays.join(', ')}.`);
  return problems;
}

function plugged(drives: readonly Drive[], bayOf: OperatorDependencies['bayOf']): string[] {
  return drives.flatMap(({ ref }) => {
    const bay = bayOf(ref);
    return bay === undefined ? [] : `${ref.driveId} (${bay})`;
  });
}

async function resolveAlert(id: string, answer: AlertAnswer, by: Operating): Promise<Alert> {
  const { ledger, actor } = by;
  const alert = await ledger.alerts.resolve(id, answer, actor);
  await carryOut(alert, answer, by);
  return alert;
}

/** A new resolution does not compile until it is carried out here. */
async function carryOut({ subject }: Alert, answer: AlertAnswer, by: Operating): Promise<void> {
  const { jobId, driveId, dockId } = subject;
  const { ledger, actor } = by;
  if (dockId !== undefined) {
    const how = {
      why: answer.note ?? answer.resolution,
      unlearns: answer.resolution === 'replaced',
    };
    await ledger.docks.beginAnew(dockId, how, actor);
  }
  if (jobId === undefined) return;
  switch (answer.resolution) {
    case 'noted':
    case 'replaced':
    case 'clock-is-right':
      return;
    case 'wait-longer':
      await ledger.waitLonger(jobId, actor);
      return;
    case 'stop-waiting':
      return await giveUpWaiting(jobId, by);
    case 'go-on':
      return await goOn((await withDrives(ledger, jobId)).job, whyOf(answer), by);
    case 'destroyed':
      await ledger.transitionJob(jobId, { event: 'drives-destroyed', ...whyOf(answer) }, actor);
      return;
    case 'retry':
    case 'end-without-copy':
      return driveId === undefined ? undefined : await resolveDrive({ jobId, driveId }, answer, by);
  }
}

async function resolveDrive(ref: DriveRef, answer: AlertAnswer, by: Operating): Promise<void> {
  const { ledger, actor } = by;
  if (answer.resolution === 'retry') {
    const change = { event: 'resolved-for-retry', ...whyOf(answer) } as const;
    await ledger.transitionDrive(ref, change, actor);
    return;
  }
  const drive = await ledger.drive(ref);
  if (drive !== undefined) await endWithoutCopy(drive, answer.note, by);
}

function whyOf({ note }: AlertAnswer): { why?: string } {
  return note === undefined ? {} : { why: note };
}

async function goOn(
  job: Job,
  { to, ...why }: { readonly to?: PublicJobState; readonly why?: string },
  { ledger, actor }: Acting,
): Promise<void> {
  const target = to ?? publicJobState(job.state);
  const event = backTo(target);
  if (event === undefined || event === 'faulted') {
    const problem = `to: a job cannot be led back to ${target}`;
    throw new StationError('request-invalid', problem, { problems: [problem] });
  }
  await ledger.transitionJob(job.id, { event, ...why }, actor);
}

async function giveUpWaiting(jobId: Job['id'], { ledger, actor }: Acting): Promise<void> {
  const why = 'an operator says that nothing more will come';
  for (const step of stopWaiting(await withDrives(ledger, jobId), why)) {
    if (step.kind === 'mark-missing') {
      await ledger.transitionDrive(step.ref, { event: 'missing', why }, actor);
    } else if (step.kind === 'move-job') {
      await ledger.transitionJob(jobId, { event: step.event, why }, actor);
    }
  }
}

/** The verdict says why nothing is promised: the fault, what is lost, and what the operator adds. */
async function endWithoutCopy(
  drive: Drive,
  note: string | undefined,
  { ledger, actor, whereIs }: Operating,
): Promise<void> {
  const { ref, progress } = drive;
  const { code, reason } = whyEnded(drive, whereIs(ref));
  const left = progress === undefined ? '' : leftBehindInWords(progress);
  const words = [`Ended without a copy: ${reason}`, left, note].filter(Boolean).join(' ');
  const plan = (await ledger.copyOf(ref))?.plan;
  const planned = plan?.kind === 'image' ? plan.blobs : [];
  const verdict = endedWithoutCopy(statusOfFault(code), words, planned);
  await ledger.transitionDrive(ref, { event: 'resolved-without-copy', verdict }, actor);
}

/** What may go on is not ended under the hands of its copy. Throws `transition-refused`. */
function whyEnded({ ref, state, boundDisk }: Drive, where: Whereabouts) {
  if (state.name === 'Faulted') return state.fault;
  if (state.name !== 'Transferring') return { code: '', reason: '' };
  if (where.kind === 'nowhere') {
    const reason = `Its disk left ${boundDisk?.bay ?? 'its bay'} in mid-copy and did not come back.`;
    return { code: 'disk-gone', reason };
  }
  const reason = whyNotEnded(where);
  const refused = { entity: driveEntity(ref), event: 'resolved-without-copy', reason };
  throw new StationError('transition-refused', `drive ${ref.driveId}: ${reason}`, refused);
}

function whyNotEnded(where: Exclude<Whereabouts, { kind: 'nowhere' }>): string {
  if (where.kind === 'plugged-in') {
    return `its disk is plugged in (${where.bay}): let the copy go on, or pull the disk first`;
  }
  return 'which disks are plugged in is not known at this moment; try again when it is';
}

async function withDrives(ledger: Ledger, id: Job['id']): Promise<JobWithDrives> {
  return { job: await jobNamed(ledger, id), drives: await ledger.drivesOf(id) };
}
