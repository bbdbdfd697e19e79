import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { PackingView } from '../serve/wire-parcels.ts';
import type { Answers } from './answers.ts';
import { fieldsOf } from './dialog.ts';
import {
  ADDRESS_FIELDS,
  addressLines,
  carrierWords,
  type PackingRow,
  packingRows,
} from './packing-list.ts';
import { carriers } from './parcel-dialogs.ts';

/** The packing list that is open: whose it is, and its content once it has been read. */
export interface OpenPacking {
  readonly jobId: string;
  readonly jobName: string;
  readonly list: PackingView | undefined;
}

/** What goes into the parcel back, where it goes, what hinders it, and the record that it went. */
export function packingSection(
  packing: OpenPacking | null,
  answers: Answers,
): TemplateResult | typeof nothing {
  if (packing === null) return nothing;
  const { list, jobName } = packing;
  return html`
    <section class="parcel packing" aria-labelledby="packing-title">
      <header>
        <h2 id="packing-title" tabindex="-1">Packing list of <strong>${jobName}</strong></h2>
        <p class="buttons">
          <button class="quiet small" @click=${() => print()}>Print</button>
          <button class="quiet small" @click=${() => answers.pack(null)}>Close</button>
        </p>
      </header>
      ${list === undefined ? html`<p class="why">Reading the list …</p>` : content(list, answers)}
    </section>
  `;
}

function content(list: PackingView, answers: Answers): TemplateResult {
  return html`
    ${problems(list)}
    <div class="packing-columns">
      <div>
        <h3>Into the box</h3>
        <ul class="ticks">
          ${repeat(
            packingRows(list),
            (row) => row.name,
            (row) => packingRow(row),
          )}
        </ul>
      </div>
      <div>
        <h3>Onto the box</h3>
        ${
          list.returnAddress === null
            ? addressForm(list, answers)
            : html`<address class="box-label">
                ${addressLines(list.returnAddress).map((line) => html`<span>${line}</span>`)}
              </address>`
        }
        <p class="carrier">${carrierWords(list.returnShipping)}</p>
        ${list.returnAddress === null ? nothing : returnForm(list, answers)}
      </div>
    </div>
  `;
}

function problems({ problems: found }: PackingView): TemplateResult | typeof nothing {
  if (found.length === 0) return nothing;
  return html`
    <div class="todo tone-attention" role="status">
      <p class="next">The parcel cannot go yet</p>
      <ul>${found.map((problem) => html`<li>${problem}</li>`)}</ul>
    </div>
  `;
}

/** The box is ticked by hand, for the person who packs: it changes nothing in the station. */
function packingRow({ name, words, goesBack }: PackingRow): TemplateResult {
  const serial = html`<span class="serial mono">${name.slice(0, -4)}<strong>${name.slice(-4)}</strong></span>`;
  if (!goesBack) return html`<li class="tick away">${serial}<span class="why">${words}</span></li>`;
  return html`
    <li>
      <label class="tick packed">
        <input type="checkbox">${serial}<span class="why">${words}</span>
      </label>
    </li>
  `;
}

function addressForm({ jobId }: PackingView, answers: Answers): TemplateResult {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const filled = Object.entries(fieldsOf(event)).filter(([, value]) => value !== '');
    answers.setReturnAddress(jobId, Object.fromEntries(filled));
  };
  return html`
    <form class="address-form" @submit=${submit}>
      <p>The job has no return address. Ask the customer, and put it in:</p>
      ${ADDRESS_FIELDS.map(
        ({ name, label, required }) => html`
          <label class="field"><span>${label}${required ? '' : html` <small>(optional)</small>`}</span>
            <input name=${name} ?required=${required} maxlength="256" autocomplete="off"></label>
        `,
      )}
      <button ?disabled=${answers.disabled}>Put in the address</button>
    </form>
  `;
}

function returnForm(list: PackingView, answers: Answers): TemplateResult {
  const lost = list.drives.filter((drive) => drive.lost).map(({ driveId }) => driveId);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const { carrierName = '', trackingNumber = '', shipDate = '', ...ticked } = fieldsOf(event);
    const day = shipDate === '' ? {} : { shipDate };
    const found = lost.filter((driveId) => `found-${driveId}` in ticked);
    const more = found.length === 0 ? {} : { found };
    answers.sendBack(list.jobId, { carrierName, trackingNumber, ...day, ...more });
  };
  const hindered = list.problems.length > 0;
  return html`
    <form class="return-form" @submit=${submit}>
      <label class="field"><span>Carrier</span>
        <input name="carrierName" required maxlength="100" autocomplete="off" list="carriers"
          value=${list.returnShipping?.carrierName ?? ''}></label>
      <label class="field"><span>Tracking number</span>
        <input name="trackingNumber" class="mono" required maxlength="100" autocomplete="off"></label>
      <label class="field"><span>Day <small>(today when left out)</small></span>
        <input name="shipDate" type="date"></label>
      ${lost.map(
        (driveId) => html`
          <label class="tick"><input type="checkbox" name="found-${driveId}">
            <span>The lost ${driveId} was found, and is in the box</span></label>
        `,
      )}
      ${carriers()}
      <button ?disabled=${answers.disabled || hindered}>It was given to the carrier</button>
    </form>
  `;
}
