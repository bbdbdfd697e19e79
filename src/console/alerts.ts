import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { AlertView } from '../serve/wire.ts';
import { ageOf, endsSomething, resolutionLabel } from './alert-words.ts';
import type { Answers } from './answers.ts';
import { parcelChoice, takenAway } from './extra.ts';
import type { ShownAlert } from './model.ts';

/** The queue of the operators: what happened, what to do, and the answers that can be given. */
export function alertsSection(
  alerts: readonly ShownAlert[],
  answers: Answers,
): TemplateResult | typeof nothing {
  if (alerts.length === 0) return nothing;
  const open = alerts.filter(({ alert }) => alert.acknowledged === null).length;
  return html`
    <section class="alerts" aria-labelledby="alerts">
      <h2 id="alerts" tabindex="-1">Alerts
        <small>${open === 0 ? 'all looked after' : `${open} open`}</small></h2>
      <ul>
        ${repeat(
          alerts,
          ({ alert }) => alert.id,
          (shown) => alertItem(shown, answers),
        )}
      </ul>
    </section>
  `;
}

function alertItem({ alert, bay }: ShownAlert, answers: Answers): TemplateResult {
  const titleId = `alert-${alert.id}`;
  const about = [alert.jobName, alert.driveId, bay].filter((part) => part != null);
  return html`
    <li class="alert ${alert.acknowledged === null ? 'open' : 'kept'}">
      <article aria-labelledby=${titleId} data-alert=${alert.kind}>
        <header>
          <h3 id=${titleId}>${alert.title}</h3>
          <p class="age"><span class="for-screen-readers">for</span>
            <time datetime=${alert.raisedAt} title=${new Date(alert.raisedAt).toLocaleString()}>${ageOf(alert.raisedAt, answers.now)}</time></p>
        </header>
        ${about.length === 0 ? nothing : html`<p class="about">${about.join(' · ')}</p>`}
        <p>${alert.reason}</p>
        <p class="next">${alert.nextStep}</p>
        ${keeper(alert, answers)}
        ${alert.extraId !== null && alert.jobId === null ? parcelChoice(alert.extraId, 'alert', answers) : nothing}
        ${alert.extraId === null ? nothing : takenAway(alert.extraId, answers)}
        ${resolveForm(alert, answers)}
      </article>
    </li>
  `;
}

/** Who looks after it, or the button by which somebody says so. */
function keeper(alert: AlertView, answers: Answers): TemplateResult {
  const { acknowledged } = alert;
  if (acknowledged !== null) {
    const { at, by } = acknowledged;
    return html`<p class="keeper"><strong>${by}</strong> looks after it, for
      <time datetime=${at} title=${new Date(at).toLocaleString()}>${ageOf(at, answers.now)}</time></p>`;
  }
  return html`
    <p class="buttons">
      <button class="quiet small" ?disabled=${answers.disabled}
        @click=${() => answers.acknowledge(alert)}>I look after it</button>
    </p>
  `;
}

function resolveForm(alert: AlertView, answers: Answers): TemplateResult {
  const noteId = `note-${alert.id}`;
  const resolve = (resolution: string) => {
    const field = document.getElementById(noteId);
    const note = field instanceof HTMLInputElement ? field.value.trim() : '';
    answers.resolve(alert, resolution, note);
  };
  return html`
    <details class="resolve">
      <summary>Resolve</summary>
      <label class="field"><span>Note <small>(optional, kept in the log)</small></span>
        <input id=${noteId} maxlength="1000" autocomplete="off"></label>
      <div class="choices">
        ${alert.resolutions.map(
          ({ name, words }, at) => html`
            <button class=${at === 0 ? '' : 'quiet'} ?disabled=${answers.disabled}
              @click=${() => resolve(name)}>
              ${resolutionLabel(name)}${endsSomething(name) ? ' …' : ''}<small>${words}</small>
            </button>
          `,
        )}
      </div>
    </details>
  `;
}
