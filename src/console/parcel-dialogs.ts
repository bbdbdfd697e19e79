import { html } from 'lit-html';
import type { CheckInView } from '../serve/wire.ts';
import { askInDialog, fieldsOf } from './dialog.ts';
import type { Missing, Shipment } from './requests-of-operators.ts';

/** What a technician is asked when a parcel is opened and when it is empty. */

/** The label of a parcel that came in: `undefined` to go back, empty when it is left for later. */
export function askForLabel(
  jobName: string,
): Promise<{ readonly shipment?: Shipment } | undefined> {
  return askInDialog((finish) => {
    const submit = (event: SubmitEvent) => {
      event.preventDefault();
      const { carrierName = '', trackingNumber = '' } = fieldsOf(event);
      const isWhole = carrierName !== '' && trackingNumber !== '';
      finish(isWhole ? { shipment: { carrierName, trackingNumber } } : {});
    };
    return html`
      <form class="label-form" @submit=${submit} @input=${requireBoth}>
        <h2 id="dialog-title">Unpack a parcel of ${jobName}</h2>
        <p>Every disk that is plugged in from now on came in it. What the label says can be
          put in now, later, or not at all.</p>
        <label class="field"><span>Carrier</span>
          <input name="carrierName" maxlength="100" autocomplete="off" list="carriers"></label>
        <label class="field"><span>Tracking number</span>
          <input name="trackingNumber" class="mono" maxlength="100" autocomplete="off"></label>
        ${carriers()}
        <p class="buttons">
          <button autofocus>Begin to unpack</button>
          <button type="button" class="quiet" @click=${() => finish(undefined)}>Go back</button>
        </p>
      </form>
    `;
  });
}

/** Half a label names no parcel: with one field the other is asked for. */
function requireBoth(event: Event): void {
  const { currentTarget } = event;
  if (!(currentTarget instanceof HTMLFormElement)) return;
  const fields = [...currentTarget.querySelectorAll('input')];
  const some = fields.some(({ value }) => value.trim() !== '');
  for (const field of fields) field.required = some;
}

/** Names to pick from while typing; any other is as good. */
export function carriers() {
  const names = ['Blue Dart', 'DHL', 'FedEx', 'TNT', 'UPS'];
  return html`<datalist id="carriers">${names.map((name) => html`<option value=${name}></option>`)}</datalist>`;
}

/** What is to become of what was not in the parcel; `undefined` when it is not empty after all. */
export function askAboutMissing(parcel: CheckInView): Promise<Missing | undefined> {
  const { missing, jobName } = parcel;
  const one = missing.length === 1;
  return askInDialog<Missing>(
    (finish) => html`
      <h2 id="dialog-title">
        ${one ? 'One drive was' : `${missing.length} drives were`} not in the parcel of ${jobName}
      </h2>
      <ul class="names mono">${missing.map((name) => html`<li>${name}</li>`)}</ul>
      <p>Look once more under the padding. Then say what is to become of
        ${one ? 'it' : 'them'}:</p>
      <div class="choices">
        <button autofocus @click=${() => finish('come-later')}>
          ${one ? 'It comes' : 'They come'} later
          <small>in another parcel; the job waits for ${one ? 'it' : 'them'}</small>
        </button>
        <button class="quiet" @click=${() => finish('never-received')}>
          Never received
          <small>the customer is told so, and the job goes on without ${one ? 'it' : 'them'}</small>
        </button>
        <button class="quiet" @click=${() => finish(undefined)}>
          Go back <small>the parcel is not empty yet</small>
        </button>
      </div>
    `,
  );
}
