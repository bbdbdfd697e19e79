import { html, nothing, type TemplateResult } from 'lit-html';
import type { DiskView, DriveView, ProgressView } from '../serve/wire.ts';
import type { Answers } from './answers.ts';
import { formatBytes, formatEta, formatRate, percent } from './format.ts';
import type { AbsentDrive, Bay } from './model.ts';
import { questionOf } from './question.ts';
import { isSafeToRemove, type StateWords } from './words.ts';

/** One bay: where, what state, how far, which disk, whose it is and why, and what to do now. */
export function bayCard(bay: Bay, open: readonly DriveView[], answers: Answers): TemplateResult {
  const { disk, drive, words } = bay;
  return html`
    <article class="card tone-${words.tone}" aria-label=${disk.bay} data-bay=${disk.bay}>
      <header>
        <h3>${disk.bay}</h3>
        ${badge(words)}
      </header>
      ${drive?.progress ? progressBar(drive, drive.progress) : nothing}
      ${diskLines(disk)}
      <p class="whose">${whose(disk)}</p>
      ${todo(bay, open, answers)}
    </article>
  `;
}

/** A drive whose disk was pulled in mid-copy, or that waits for a person without a disk. */
export function absentCard({ drive, words }: AbsentDrive, answers: Answers): TemplateResult {
  const { activity } = drive;
  const place = activity.kind === 'detached' ? `was in ${activity.bay}` : 'not plugged in';
  return html`
    <article class="card tone-${words.tone}" aria-label="Drive ${drive.driveId}" data-drive=${drive.driveId}>
      <header>
        <h3>${place}</h3>
        ${badge(words)}
      </header>
      ${drive.progress ? progressBar(drive, drive.progress) : nothing}
      <p class="serial">${serialText(drive.driveId)}</p>
      <p class="whose">Drive of job <strong>${drive.jobName}</strong></p>
      ${drive.fault === null ? detailBox(words) : faultBox(drive, answers)}
      ${activity.kind === 'detached' ? ending(drive, answers) : nothing}
    </article>
  `;
}

function badge(words: StateWords): TemplateResult {
  return html`<p class="badge tone-${words.tone}">${words.label}</p>`;
}

function progressBar(drive: DriveView, progress: ProgressView): TemplateResult {
  const { totalBytes, stagedBytes, rateBytesPerSecond, eta } = progress;
  const share = percent(stagedBytes, totalBytes);
  const moving = drive.activity.kind === 'copying' && drive.state === 'Transferring';
  return html`
    <div class="progress">
      <p class="share">${share.toFixed(1)}<small> %</small></p>
      <progress max="100" value=${share} aria-label="Stored of drive ${drive.driveId}"></progress>
      <p class="figures">
        <span>${formatBytes(stagedBytes)} of ${formatBytes(totalBytes)}</span>
        ${moving ? html`<span>${formatRate(rateBytesPerSecond)}</span>` : nothing}
        ${moving && eta ? html`<span>${formatEta(eta)} left</span>` : nothing}
      </p>
    </div>
  `;
}

function diskLines(disk: DiskView): TemplateResult {
  const facts = [
    disk.model ?? 'unknown model',
    formatBytes(disk.sizeBytes),
    TRANSPORTS[disk.transport],
  ];
  const { health } = disk;
  if (health.status !== 'unknown' && health.temperatureC !== undefined) {
    facts.push(`${health.temperatureC} °C`);
  }
  return html`
    <p class="serial">${disk.serial === null ? 'no serial' : serialText(disk.serial)}</p>
    <p class="facts">${facts.join(' · ')}</p>
    ${
      health.status === 'failing'
        ? html`<p class="warning">The disk says of itself that it is failing.</p>`
        : nothing
    }
    ${dockLines(disk.unreliableDock)}
    ${settingLines(disk)}
  `;
}

/** What a technician does comes first; operators find the rest in the alert. */
function dockLines(dock: DiskView['unreliableDock']) {
  if (dock === null) return nothing;
  return html`
    <p class="warning">This dock is unreliable. ${dock.nextStep}</p>
    <p class="facts">${dock.words}</p>
  `;
}

/** What was set before the copy: of no use to most, so it is folded up. */
function settingLines({ settings }: DiskView): TemplateResult | typeof nothing {
  if (settings.length === 0) return nothing;
  return html`
    <details class="settings">
      <summary>Settings for the copy</summary>
      <ul>
        ${settings.map((line) => html`<li>${line}</li>`)}
      </ul>
    </details>
  `;
}

const TRANSPORTS: { readonly [T in DiskView['transport']]: string } = {
  usb: 'USB',
  sata: 'SATA',
  sas: 'SAS',
  scsi: 'SCSI',
  nvme: 'NVMe',
  virtio: 'virtio',
  mmc: 'MMC',
  loop: 'loopback image',
  unknown: 'unknown bus',
};

/** The last four characters stand out: they are what one compares with the label. */
function serialText(serial: string): TemplateResult {
  return html`<span class="mono">${serial.slice(0, -4)}<strong>${serial.slice(-4)}</strong></span>`;
}

function whose({ match }: DiskView): TemplateResult {
  if (match.kind !== 'drive') return html`<span class="why">${match.reason}</span>`;
  return html`Job <strong>${match.jobName}</strong> <span class="why">${match.reason}</span>`;
}

function todo(bay: Bay, open: readonly DriveView[], answers: Answers) {
  const { disk, drive, words } = bay;
  if (drive === undefined) return questionOf(disk, open, answers);
  if (drive.fault !== null) return faultBox(drive, answers);
  if (isSafeToRemove(drive)) return answers.baysKnown ? safeBox(words) : nothing;
  return detailBox(words);
}

function detailBox({ detail }: StateWords): TemplateResult | typeof nothing {
  return detail === null ? nothing : html`<div class="todo"><p>${detail}</p></div>`;
}

function faultBox(drive: DriveView, answers: Answers): TemplateResult {
  return html`
    <div class="todo">
      <p>${drive.fault?.reason}</p>
      <p class="next">${drive.fault?.nextStep}</p>
    </div>
    ${retry(drive, answers)}
  `;
}

function safeBox(words: StateWords): TemplateResult {
  return html`
    <div class="todo safe">
      <p class="next">Safe to remove</p>
      ${words.detail === null ? nothing : html`<p>${words.detail}</p>`}
    </div>
  `;
}

function retry(drive: DriveView, answers: Answers) {
  if (drive.state !== 'Faulted') return nothing;
  return html`
    <p class="buttons">
      <button ?disabled=${answers.disabled} @click=${() => answers.retry(drive)}>Retry this drive</button>
    </p>
  `;
}

/** For a disk that will not come back. */
function ending(drive: DriveView, answers: Answers): TemplateResult {
  return html`
    <p class="buttons">
      <button class="quiet small" ?disabled=${answers.disabled}
        @click=${() => answers.end(drive)}>It is lost: end without a copy …</button>
    </p>
  `;
}
