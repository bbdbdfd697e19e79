import type { AlertView, CheckInView, JobView } from '../serve/wire.ts';
import { driveKeyOf, endsSomething, resolutionLabel } from './alert-words.ts';
import type { Answers } from './answers.ts';
import { askToConfirm } from './confirm-dialog.ts';
import { askBefore, askForLine, type Confirmation } from './dialog.ts';
import { isFinished, type JobWay } from './job-ways.ts';
import { jobIdOf } from './model.ts';
import type { PageState } from './page.ts';
import { askAboutMissing, askForLabel } from './parcel-dialogs.ts';
import { confirmDisk, endDrive, personName, rememberPersonName, retryDrive } from './requests.ts';
import {
  acknowledgeAlert,
  assignExtra,
  completeParcel,
  leadJob,
  openParcel,
  resolveAlert,
  sendBack,
  setReturnAddress,
  takeExtraAway,
} from './requests-of-operators.ts';
import { lossWords } from './words.ts';

/** What the page does with an answer: asks the station, and shows what came of it. */
export interface Desk {
  readonly state: PageState;
  /** Shows why the station refused, or that it is done; answers whether it is. */
  ask(asked: Promise<string | null>, done: string): Promise<boolean>;
  /** Leads to the heading of this id, at once or when it comes with the next change. */
  show(headingId: string): void;
  pack(job: JobView | null): void;
}

/** Ties the buttons to what they ask of the station, each with the question that comes first. */
export function answersAt(desk: Desk): Answers {
  const { status, view } = desk.state;
  const live = status.kind === 'live';
  return {
    disabled: !live,
    baysKnown: live && view?.station.detection.known === true,
    parcel: view?.station.parcel ?? null,
    openJobs: (view?.jobs ?? []).filter((job) => !isFinished(job)),
    now: new Date(),
    ...diskAnswers(desk),
    ...parcelAnswers(desk),
    ...alertAnswers(desk),
    lead: (job, way) => lead(desk, job, way),
  };
}

function diskAnswers({ ask }: Desk) {
  return {
    async confirm(disk, drive) {
      if (!(await askToConfirm(disk, drive))) return;
      const asked = confirmDisk(disk.key, jobIdOf(drive), drive.driveId);
      await ask(asked, `${disk.bay} is ${drive.driveId}.`);
    },
    retry: ({ jobId, driveId }) => ask(retryDrive(jobId, driveId), `${driveId} goes on.`),
    async end(drive) {
      const { jobId, driveId } = drive;
      const reason = await askForLine({
        title: `End ${driveId} without a copy?`,
        words: `Nothing of it can be copied afterwards. ${lossWords(drive)} As long as the disk may come back, wait: the copy then goes on where it was.`,
        label: 'Why',
        action: 'End without a copy',
        maxLength: 1000,
      });
      if (reason === undefined) return;
      await ask(endDrive(jobId, driveId, reason), `${driveId} is ended without a copy.`);
    },
    assignExtra: (extraId, { id, name }) =>
      ask(assignExtra(extraId, id), `It goes back with the parcel of ${name}.`),
    takeExtraAway: (extraId) => ask(takeExtraAway(extraId), 'It is off the list.'),
  } satisfies Partial<Answers>;
}

function parcelAnswers({ ask, show, pack }: Desk) {
  const openWithLabel = async (jobId: string, jobName: string) => {
    const label = await askForLabel(jobName);
    if (label === undefined) return;
    const opened = await ask(
      openParcel(jobId, label.shipment),
      `Unpacking a parcel of ${jobName}.`,
    );
    if (opened) show('parcel-title');
  };
  return {
    pack,
    beginCheckIn: ({ id, name }) => openWithLabel(id, name),
    addLabel: ({ jobId, jobName }) => openWithLabel(jobId, jobName),
    async completeCheckIn(parcel: CheckInView) {
      const whole = parcel.missing.length === 0;
      const missing = whole ? 'come-later' : await askAboutMissing(parcel);
      if (missing === undefined) return;
      await ask(completeParcel(missing), `The parcel of ${parcel.jobName} is unpacked.`);
    },
    setReturnAddress: (jobId, address) =>
      ask(setReturnAddress(jobId, address), 'The address is in the job.'),
    sendBack: (jobId, shipment) =>
      ask(sendBack(jobId, shipment), 'Recorded: the parcel is on its way back.'),
  } satisfies Partial<Answers>;
}

function alertAnswers({ ask, state }: Desk) {
  return {
    async acknowledge({ id, title }: AlertView) {
      if (!(await isNamed())) return;
      await ask(acknowledgeAlert(id), `You look after: ${title}.`);
    },
    async resolve(alert: AlertView, resolution: string, note: string) {
      if (
        endsSomething(resolution) &&
        !(await askBefore(endingOf(alert, resolution, lossBy(alert, resolution, state))))
      )
        return;
      await ask(resolveAlert(alert.id, resolution, note), `Resolved: ${alert.title}.`);
    },
  } satisfies Partial<Answers>;
}

/** "Somebody looks after it" helps nobody: who has not said a name is asked for it once. */
async function isNamed(): Promise<boolean> {
  if (personName().trim() !== '') return true;
  const name = await askForLine({
    title: 'Who looks after it?',
    words: 'The others see your name with it.',
    label: 'Your name',
    action: 'That is me',
    maxLength: 50,
  });
  if (name !== undefined) rememberPersonName(name);
  return name !== undefined;
}

/** What the station has of the drive, and will not keep. */
function lossBy(alert: AlertView, resolution: string, { view }: PageState): string {
  const drive = view?.drives.find(({ key }) => key === driveKeyOf(alert));
  return resolution === 'end-without-copy' && drive !== undefined ? lossWords(drive) : '';
}

function endingOf(alert: AlertView, resolution: string, loss: string): Confirmation {
  const { words = '' } = alert.resolutions.find(({ name }) => name === resolution) ?? {};
  const about = [alert.jobName, alert.driveId].filter((part) => part !== null).join(', ');
  const title = `${resolutionLabel(resolution)}: ${about}?`;
  const all = [alert.reason, words, loss].filter(Boolean).join(' ');
  return { title, words: all, action: resolutionLabel(resolution) };
}

async function lead(desk: Desk, job: JobView, way: JobWay): Promise<void> {
  if (way === 'check-in') return parcelAnswers(desk).beginCheckIn(job);
  if (way === 'put-aside') return await putAside(desk, job);
  const ending = ENDINGS[way]?.(job.name);
  if (ending !== undefined && !(await askBefore(ending))) return;
  await desk.ask(leadJob(job, way, ''), `${job.name} ${LED[way]}.`);
}

async function putAside(desk: Desk, job: JobView): Promise<void> {
  const reason = await askForLine({
    title: `Put ${job.name} aside?`,
    words:
      'Nothing more of it is begun until somebody lets it go on. What is being copied is copied to its end.',
    label: 'Why',
    action: 'Put it aside',
    maxLength: 1000,
  });
  if (reason === undefined) return;
  await desk.ask(leadJob(job, 'put-aside', reason), `${job.name} is put aside.`);
}

const LED: { readonly [Way in Exclude<JobWay, 'check-in' | 'put-aside'>]: string } = {
  'go-on': 'goes on',
  'take-as-shipped': 'counts as shipped',
  'wait-longer': 'has two more weeks to arrive',
  'stop-waiting': 'is not waited for any longer',
  cancel: 'is cancelled',
};

const ENDINGS: { readonly [Way in JobWay]?: (name: string) => Confirmation } = {
  cancel: (name) => ({
    title: `Cancel ${name}?`,
    words:
      'This cannot be taken back. What is not begun is skipped; what is being copied ends in order, and the drives go back.',
    action: 'Cancel the job',
  }),
  'stop-waiting': (name) => ({
    title: `Stop waiting for ${name}?`,
    words:
      'What is missing is marked as never received, and a job of which nothing came is closed.',
    action: 'Stop waiting',
  }),
  'take-as-shipped': (name) => ({
    title: `Take ${name} as shipped?`,
    words: 'The customer did not say so in the job. Its drives are then read and copied.',
    action: 'Take it as shipped',
  }),
};
