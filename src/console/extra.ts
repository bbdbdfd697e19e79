import { html, type TemplateResult } from 'lit-html';
import type { Answers } from './answers.ts';
import { fieldsOf } from './dialog.ts';

/** For one that somebody took away: it would wait for its parcel for ever. */
export function takenAway(extraId: string, answers: Answers): TemplateResult {
  return html`
    <button class="quiet" ?disabled=${answers.disabled}
      @click=${() => answers.takeExtraAway(extraId)}>It is not here any more</button>
  `;
}

/** Asks whose parcel an extra drive came in: it goes back with that one. */
export function parcelChoice(
  extraId: string,
  place: 'alert' | 'bay',
  answers: Answers,
): TemplateResult {
  const selectId = `parcel-${place}-${extraId}`;
  const jobs = answers.openJobs;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const job = jobs.find(({ id }) => id === fieldsOf(event).job);
    if (job !== undefined) answers.assignExtra(extraId, job);
  };
  if (jobs.length === 0) return html`<p class="why">No job is open that it could belong to.</p>`;
  return html`
    <form class="choose" @submit=${submit}>
      <label for=${selectId}>It came in the parcel of</label>
      <select id=${selectId} name="job" required>
        <option value="">choose …</option>
        ${jobs.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}
      </select>
      <button ?disabled=${answers.disabled}>Put in</button>
    </form>
  `;
}
