import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { StationInfo, StationView } from '../serve/wire.ts';
import { alertsSection } from './alerts.ts';
import type { Answers } from './answers.ts';
import { absentCard, bayCard } from './bay-card.ts';
import { checkInSection } from './check-in.ts';
import { formatBytes, formatDuration } from './format.ts';
import { absentSection, jobsSection, othersSection } from './jobs.ts';
import type { LinkStatus } from './link.ts';
import { type PageModel, pageModel } from './model.ts';
import { type OpenPacking, packingSection } from './packing.ts';
import { personName, rememberPersonName } from './requests.ts';
import { stuckWords } from './words.ts';

export interface PageState {
  readonly status: LinkStatus;
  readonly view: StationView | undefined;
  /** When the last message of a view arrived; shown while the link is lost. */
  readonly seenAt: Date;
  /** The answer to the last thing a person asked for, when it was refused. */
  readonly refusal: string | null;
  /** What was asked for and done just now; gone after a moment. */
  readonly done: string | null;
  /** The packing list that a person has opened. */
  readonly packing: OpenPacking | null;
}

/** The whole page for one state; calling it again changes only what differs. */
export function page(state: PageState, answers: Answers): TemplateResult {
  const { view, status } = state;
  if (view === undefined) {
    const words = status.kind === 'lost' ? status.reason : 'Connecting to the station …';
    return html`<p class="boot" role="alert">${words}</p>`;
  }
  const model = pageModel(view);
  return html`
    ${topBar(view.station, model, status)}
    ${banners(state, view.station)}
    <main class="${status.kind === 'live' ? '' : 'stale'} ${model.alerts.length > 0 ? 'with-alerts' : ''}">
      <div class="floor">
        ${checkInSection(view, answers)}
        ${packingSection(state.packing, answers)}
        ${baysSection(model, answers)}
      </div>
      ${alertsSection(model.alerts, answers)}
      <div class="lists">
        ${jobsSection(model, view.drives, answers)}
        ${absentSection(model.absent)}
        ${othersSection(model.others)}
      </div>
    </main>
    ${footer(view.station)}
    ${state.done === null ? nothing : html`<p class="done" aria-hidden="true">✓ ${state.done}</p>`}
  `;
}

function topBar(station: StationInfo, model: PageModel, status: LinkStatus): TemplateResult {
  const need = model.needsYou;
  return html`
    <header class="top">
      <div class="brand">
        <img src="/console/icon.svg" alt="" width="40" height="40">
        <h1>${station.name}<small>Drive Station</small></h1>
      </div>
      ${
        need === 0
          ? html`<p class="summary">Nothing needs you</p>`
          : html`<a class="summary urgent" href=${model.alerts.length > 0 ? '#alerts' : '#bays'}>
              ${need} need${need === 1 ? 's' : ''} you</a>`
      }
      <p class="link ${status.kind}">${status.kind === 'live' ? 'live' : 'no connection'}</p>
      <label class="person">
        <span>Your name</span>
        <input autocomplete="name" maxlength="50" .value=${personName()}
          @change=${(event: Event) => remember(event)}>
      </label>
    </header>
  `;
}

function remember(event: Event): void {
  if (event.target instanceof HTMLInputElement) rememberPersonName(event.target.value);
}

function banners(state: PageState, station: StationInfo): TemplateResult {
  const { status, refusal } = state;
  const clock = state.seenAt.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return html`<div class="banners">
    ${
      status.kind === 'lost'
        ? banner(
            'fault',
            'No connection to the station',
            `You see how things stood at ${clock}. This page tries again by itself.`,
          )
        : nothing
    }
    ${refusal === null ? nothing : banner('fault', 'That did not work', refusal)}
    ${station.detection.known ? nothing : banner('attention', 'The bays cannot be seen right now', `${station.detection.reason} The cards show what was seen last; nothing new is started.`)}
    ${station.storage.kind === 'ok' ? nothing : storageBanner(station.storage)}
    ${stuckBanner(station)}
    ${station.belowReserve ? banner('attention', 'Little free space', `Only ${formatBytes(station.freeBytes ?? 0)} are free for the station's records. Running copies go on, no new drive is started.`) : nothing}
  </div>`;
}

function stuckBanner(station: StationInfo) {
  const words = stuckWords(station);
  const n = station.stuck.length;
  const title = n === 1 ? 'A process hangs in the kernel' : `${n} processes hang in the kernel`;
  return words === null ? nothing : banner('attention', title, words);
}

function storageBanner(storage: Extract<StationInfo['storage'], { kind: 'away' }>): TemplateResult {
  const since = (Date.now() - Date.parse(storage.since)) / 1000;
  const words = `For ${formatDuration(since)}: ${storage.reason} Copies wait and go on by themselves; leave the disks in.`;
  return banner('waiting', 'The blob storage does not answer', words);
}

function banner(tone: string, title: string, words: string): TemplateResult {
  return html`<div class="banner tone-${tone}" role="alert"><strong>${title}</strong><span>${words}</span></div>`;
}

function baysSection(model: PageModel, answers: Answers): TemplateResult {
  const none = model.bays.length === 0 && model.unplugged.length === 0;
  return html`
    <section aria-labelledby="bays">
      <h2 id="bays" tabindex="-1">Bays</h2>
      ${none ? html`<p class="empty">No disk is plugged in. Put one in any bay.</p>` : nothing}
      <div class="bays">
        ${repeat(
          model.bays,
          (bay) => bay.disk.key,
          (bay) => bayCard(bay, model.open, answers),
        )}
        ${repeat(
          model.unplugged,
          (entry) => entry.drive.key,
          (entry) => absentCard(entry, answers),
        )}
      </div>
    </section>
  `;
}

function footer(station: StationInfo): TemplateResult {
  const detection = station.detection.mode === 'udev' ? 'udev events' : 'periodic scans';
  const free = station.freeBytes === null ? 'unknown' : formatBytes(station.freeBytes);
  return html`
    <footer>
      <span>Version ${station.version}</span>
      <span>Disks are seen by ${detection}</span>
      <span>Free for records: ${free}</span>
    </footer>
  `;
}
