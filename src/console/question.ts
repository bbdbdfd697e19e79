import { html, nothing, type TemplateResult } from 'lit-html';
import type { CandidateView, DiskView, DriveView, ExtraView } from '../serve/wire.ts';
import type { Answers } from './answers.ts';
import { parcelChoice } from './extra.ts';

/** What to do with a disk that is not (yet) a drive of a job. */
export function questionOf(
  disk: DiskView,
  open: readonly DriveView[],
  answers: Answers,
): TemplateResult | typeof nothing {
  const { match } = disk;
  switch (match.kind) {
    case 'near':
      return ask(disk, match.suggestions, answers);
    case 'ambiguous':
      return match.candidates.length > 0
        ? ask(disk, match.candidates, answers)
        : html`<div class="todo"><p class="next">Read the label. Which drive is it?</p></div>
            ${choose(disk, open, answers)}`;
    case 'extra':
      return extra(disk, { known: match.extra, open }, answers);
    case 'drive':
    case 'own':
    case 'excluded':
      return nothing;
  }
}

function ask(disk: DiskView, candidates: readonly CandidateView[], answers: Answers) {
  return html`
    <div class="todo"><p class="next">Read the label on the disk. What does it say?</p></div>
    <p class="buttons">
      ${candidates.map(
        (candidate) => html`
          <button ?disabled=${answers.disabled} @click=${() => answers.confirm(disk, candidate)}>
            It says <span class="mono">${candidate.driveId}</span>
            <small>${candidate.jobName}</small>
          </button>
        `,
      )}
    </p>
  `;
}

function extra(
  disk: DiskView,
  { known, open }: { readonly known: ExtraView | null; readonly open: readonly DriveView[] },
  answers: Answers,
): TemplateResult {
  const words =
    known === null || known.jobId === null
      ? 'Set it aside and keep it with its parcel.'
      : `Set it aside: it goes back with the parcel of ${known.jobName ?? 'its job'}.`;
  return html`
    <div class="todo"><p class="next">${words}</p></div>
    ${known !== null && known.jobId === null ? parcelChoice(known.id, 'bay', answers) : nothing}
    ${
      open.length === 0
        ? nothing
        : html`
            <details>
              <summary>The label says otherwise</summary>
              ${choose(disk, open, answers)}
            </details>
          `
    }
  `;
}

function choose(disk: DiskView, open: readonly DriveView[], answers: Answers): TemplateResult {
  if (open.length === 0) return html`<p class="why">No drive of any job is missing.</p>`;
  const selectId = `drive-of-${disk.key}`;
  const answer = (event: Event) => {
    event.preventDefault();
    const list = document.getElementById(selectId);
    const key = list instanceof HTMLSelectElement ? list.value : '';
    const drive = open.find((candidate) => candidate.key === key);
    if (drive === undefined) return;
    answers.confirm(disk, { driveKey: drive.key, jobName: drive.jobName, driveId: drive.driveId });
  };
  return html`
    <form class="choose" @submit=${answer}>
      <label for=${selectId}>The label says</label>
      <select id=${selectId}>
        ${open.map((drive) => html`<option value=${drive.key}>${drive.driveId} (${drive.jobName})</option>`)}
      </select>
      <button ?disabled=${answers.disabled}>Confirm</button>
    </form>
  `;
}
