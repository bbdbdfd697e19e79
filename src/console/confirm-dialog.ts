import { html } from 'lit-html';
import type { CandidateView, DiskView } from '../serve/wire.ts';
import { askInDialog } from './dialog.ts';

/**
 * Asks once more before a disk is tied to a drive: from then on its bytes go to that customer. Answers
 * whether the person read the label and agrees.
 */
export async function askToConfirm(disk: DiskView, drive: CandidateView): Promise<boolean> {
  const agreed = await askInDialog<boolean>(
    (finish) => html`
      <h2 id="dialog-title">Is this the label of the disk in ${disk.bay}?</h2>
      <p class="label mono">${drive.driveId}</p>
      <p>Its bytes then go to job <strong>${drive.jobName}</strong>.
        The disk itself answers with ${disk.serial === null ? 'no serial' : html`<span class="mono">${disk.serial}</span>`}.</p>
      <p class="buttons">
        <button @click=${() => finish(true)}>Yes, I read it on the label</button>
        <button class="quiet" autofocus @click=${() => finish(false)}>No</button>
      </p>
    `,
  );
  return agreed === true;
}
