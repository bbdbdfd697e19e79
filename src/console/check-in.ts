import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { CheckInView, StationView } from '../serve/wire.ts';
import { ageOf } from './alert-words.ts';
import type { Answers } from './answers.ts';
import { type CheckInRow, checkInCount, checkInRows } from './check-in-list.ts';

/** The parcel that is being unpacked: its list, ticked off as disks are plugged in. */
export function checkInSection(
  view: StationView,
  answers: Answers,
): TemplateResult | typeof nothing {
  const { parcel } = view.station;
  if (parcel === null) return nothing;
  return html`
    <section class="parcel" aria-labelledby="parcel-title">
      <header>
        <div>
          <h2 id="parcel-title" tabindex="-1">Unpacking a parcel of <strong>${parcel.jobName}</strong></h2>
          <p class="facts">${labelOf(parcel)} Begun by ${parcel.openedBy}, ${ageOf(parcel.openedAt, answers.now)} ago.</p>
        </div>
        <p class="count">${checkInCount(parcel)}</p>
      </header>
      <ul class="ticks">
        ${repeat(
          checkInRows(parcel, view),
          (row) => `${row.kind} ${row.name}`,
          (row) => tick(row),
        )}
      </ul>
      <p class="buttons">
        <button ?disabled=${answers.disabled} @click=${() => answers.completeCheckIn(parcel)}>
          The parcel is unpacked
        </button>
        ${
          parcel.shipment === null
            ? html`<button class="quiet" ?disabled=${answers.disabled}
                @click=${() => answers.addLabel(parcel)}>Add its label</button>`
            : nothing
        }
      </p>
    </section>
  `;
}

function labelOf({ shipment }: CheckInView) {
  if (shipment === null) return nothing;
  return html`${shipment.carrierName} <span class="mono">${shipment.trackingNumber}</span>.`;
}

const SAID: { readonly [Kind in CheckInRow['kind']]: string } = {
  seen: 'in the parcel',
  missing: 'missing',
  extra: 'extra drive',
  elsewhere: 'here before',
};

function tick({ kind, name, words }: CheckInRow): TemplateResult {
  return html`
    <li class="tick ${kind}">
      <span class="for-screen-readers">${SAID[kind]}:</span>
      <span class="serial mono">${name.slice(0, -4)}<strong>${name.slice(-4)}</strong></span>
      <span class="why">${words}</span>
    </li>
  `;
}
