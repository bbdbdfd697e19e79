import { html, nothing, type TemplateResult } from 'lit-html';
import type { DiskView, JobView, StationView } from '../serve/wire.ts';
import { formatBytes } from './format.ts';
import type { AbsentDrive } from './model.ts';
import type { Answers } from './question.ts';

/** The jobs at work, with the button that says whose parcel is being unpacked. */
export function jobsSection(view: StationView, answers: Answers): TemplateResult {
  return html`
    <section aria-labelledby="jobs-title">
      <h2 id="jobs-title">Jobs</h2>
      ${
        view.jobs.length === 0
          ? html`<p class="empty">No job yet. Create one with <code>drive-station job create</code>.</p>`
          : html`<ul class="jobs">${view.jobs.map((job) => jobRow(job, answers))}</ul>`
      }
    </section>
  `;
}

function jobRow(job: JobView, answers: Answers): TemplateResult {
  const here = answers.checkIn === job.name;
  const atWork = job.state !== 'Completed' && job.state !== 'Closed' && job.state !== 'Creating';
  const count = `${job.driveCount} ${job.driveCount === 1 ? 'drive' : 'drives'}`;
  return html`
    <li class=${here ? 'here' : ''}>
      <div>
        <p class="job-name">${job.name}</p>
        <p class="facts">${job.jobType} · ${count} · into ${job.storageAccount}</p>
      </div>
      <p class="job-state">
        ${job.state}${job.cancelRequested ? ', cancel requested' : ''}
        ${job.percentComplete === null ? nothing : html`<strong>${job.percentComplete} %</strong>`}
      </p>
      ${
        atWork
          ? html`<button class="quiet" aria-pressed=${here} ?disabled=${answers.disabled}
              @click=${() => answers.setCheckIn(here ? null : job)}>
              ${here ? 'End check-in' : 'Check in its parcel'}
            </button>`
          : nothing
      }
    </li>
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
