import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { DiskView, DriveView, JobView } from '../serve/wire.ts';
import type { Answers } from './answers.ts';
import { formatBytes } from './format.ts';
import { JOB_WAYS, waysOf } from './job-ways.ts';
import type { AbsentDrive, PageModel } from './model.ts';

/** The jobs at work, each with its next action, and those that ended lately. */
export function jobsSection(
  { jobs, finishedJobs }: PageModel,
  drives: readonly DriveView[],
  answers: Answers,
): TemplateResult {
  const none = jobs.length === 0 && finishedJobs.length === 0;
  return html`
    <section aria-labelledby="jobs-title">
      <h2 id="jobs-title">Jobs</h2>
      ${none ? html`<p class="empty">No job yet. Create one with <code>drive-station job create</code>.</p>` : nothing}
      ${
        jobs.length === 0
          ? nothing
          : html`<ul class="jobs">
              ${repeat(
                jobs,
                ({ id }) => id,
                (job) => jobRow(job, drives, answers),
              )}
            </ul>`
      }
      ${finishedJobs.length === 0 ? nothing : finished(finishedJobs)}
    </section>
  `;
}

function jobRow(job: JobView, drives: readonly DriveView[], answers: Answers): TemplateResult {
  const here = answers.parcel?.jobId === job.id;
  return html`
    <li class="${here ? 'here' : ''} ${job.fault === null ? '' : 'tone-fault'}" data-job=${job.name}>
      <div>
        <p class="job-name">${job.name}</p>
        <p class="facts">${factsOf(job)}</p>
      </div>
      <p class="job-state">
        ${job.fault === null ? job.state : html`<span class="badge small tone-fault">Faulted</span>`}
        ${job.cancelRequested ? html`<span class="why">cancelled</span>` : nothing}
        ${job.percentComplete === null ? nothing : html`<strong>${job.percentComplete} %</strong>`}
      </p>
      ${nextAction(job, answers)}
      ${
        job.fault === null
          ? nothing
          : html`<div class="fault-lines">
              <p>${job.fault.reason}</p><p class="next">${job.fault.nextStep}</p>
            </div>`
      }
      ${menu(job, drives, answers)}
    </li>
  `;
}

function factsOf(job: JobView): string {
  const count = `${job.driveCount} ${job.driveCount === 1 ? 'drive' : 'drives'}`;
  return `${job.jobType} · ${count} · into ${job.storageAccount}`;
}

/** One parcel is unpacked at a time: where another is open, its name says what comes first. */
function nextAction(job: JobView, answers: Answers): TemplateResult {
  const { parcel, disabled } = answers;
  if (job.state === 'Packaging') {
    return html`<button ?disabled=${disabled} @click=${() => answers.pack(job)}>Pack</button>`;
  }
  if (parcel === null) {
    return html`<button class="quiet" ?disabled=${disabled}
      @click=${() => answers.beginCheckIn(job)}>Check in its parcel</button>`;
  }
  const words =
    parcel.jobId === job.id ? 'being unpacked' : `after the parcel of ${parcel.jobName}`;
  return html`<p class="why">${words}</p>`;
}

function menu(
  job: JobView,
  drives: readonly DriveView[],
  answers: Answers,
): TemplateResult | typeof nothing {
  const ways = waysOf(job, drives).filter((way) => way !== 'check-in' || answers.parcel === null);
  if (ways.length === 0) return nothing;
  return html`
    <details class="menu">
      <summary aria-label="More for ${job.name}">More</summary>
      <p class="buttons">
        ${ways.map(
          (way) => html`<button class="quiet small" ?disabled=${answers.disabled}
            @click=${() => answers.lead(job, way)}>${JOB_WAYS[way]}</button>`,
        )}
      </p>
    </details>
  `;
}

function finished(jobs: readonly JobView[]): TemplateResult {
  return html`
    <details class="finished">
      <summary>${jobs.length} finished lately</summary>
      <ul class="rows">
        ${jobs.map(
          (job) => html`
            <li><span>${job.name}</span><span class="why">${job.state} · ${factsOf(job)}</span></li>
          `,
        )}
      </ul>
    </details>
  `;
}

/** Drives that are not in a bay and ask for nothing. */
export function absentSection(absent: readonly AbsentDrive[]): TemplateResult | typeof nothing {
  if (absent.length === 0) return nothing;
  return html`
    <section aria-labelledby="absent-title">
      <h2 id="absent-title">Drives that are not in a bay</h2>
      <ul class="rows">
        ${absent.map(
          ({ drive, words }) => html`
            <li>
              <span class="mono">${drive.driveId}</span>
              <span>${drive.jobName}</span>
              <span class="badge small tone-${words.tone}">${words.label}</span>
            </li>
          `,
        )}
      </ul>
    </section>
  `;
}

/** Disks that the station leaves alone, with the reason: nobody should have to wonder. */
export function othersSection(others: readonly DiskView[]): TemplateResult | typeof nothing {
  if (others.length === 0) return nothing;
  return html`
    <section aria-labelledby="others-title">
      <h2 id="others-title">Disks that are left alone</h2>
      <ul class="rows">
        ${others.map(
          (disk) => html`
            <li>
              <span class="mono">${disk.devicePath}</span>
              <span>${disk.model ?? 'unknown model'}, ${formatBytes(disk.sizeBytes)}</span>
              <span class="why">${disk.match.reason}</span>
            </li>
          `,
        )}
      </ul>
    </section>
  `;
}
