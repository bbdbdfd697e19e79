import { render } from 'lit-html';
import type { JobView, StationView } from '../serve/wire.ts';
import { announcements } from './announcements.ts';
import { answersAt } from './answering.ts';
import { isFinished } from './job-ways.ts';
import { Link, type LinkSocket, type LinkUpdate, type SocketEvents } from './link.ts';
import { closeMenusByThemselves } from './menus.ts';
import { pageModel } from './model.ts';
import { type PageState, page } from './page.ts';
import { readMessage } from './read.ts';
import { readPacking } from './requests-of-operators.ts';

/** What is announced and not yet read out, at most. */
const LINES_KEPT = 5;
/** Long enough to look up from a disk and read it. */
const DONE_SHOWN_MS = 6_000;

/** The page: one live view, drawn whenever it changes. */
class Console {
  readonly #root: HTMLElement;
  readonly #announcer: HTMLElement;
  readonly #link: Link;
  #state: PageState = {
    status: { kind: 'connecting' },
    view: undefined,
    seenAt: new Date(),
    refusal: null,
    done: null,
    packing: null,
  };
  #version: string | undefined;
  /** Counts the readings of a packing list: answers can overtake each other. */
  #reading = 0;
  /** The heading that a person is to be led to. */
  #wanted: string | undefined;
  #doneShown: ReturnType<typeof setTimeout> | undefined;

  constructor(root: HTMLElement, announcer: HTMLElement) {
    this.#root = root;
    this.#announcer = announcer;
    this.#link = new Link(
      {},
      {
        connect,
        read: readMessage,
        onUpdate: (update) => this.#update(update),
        random: () => Math.random(),
      },
    );
  }

  start(): void {
    this.#link.start();
    closeMenusByThemselves();
    // A tablet that wakes up, or a network that is back, should not wait for the next attempt.
    addEventListener('online', () => this.#link.retryNow());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#link.retryNow();
    });
    // "For 3 min" has to move on although nothing new arrives.
    setInterval(() => this.#draw(), 30_000);
  }

  #update({ status, view, version }: LinkUpdate): void {
    // The daemon was updated meanwhile: this page is of its past, so take the new one.
    if (this.#version !== undefined && version !== this.#version) location.reload();
    this.#version = version;
    const seenAt = status.kind === 'live' ? new Date() : this.#state.seenAt;
    const before = this.#state.view;
    this.#state = { ...this.#state, status, view, seenAt };
    this.#draw();
    if (view === undefined || view === before) return;
    this.#say(announcements(before, view).join(' '));
    const { needsYou } = pageModel(view);
    document.title = `${needsYou > 0 ? `(${needsYou}) ` : ''}${view.station.name} · Drive Station`;
    if (packingOf(before, this.#state) !== packingOf(view, this.#state)) void this.#readPacking();
  }

  #draw(): void {
    const desk = {
      state: this.#state,
      ask: (asked: Promise<string | null>, done: string) => this.#ask(asked, done),
      show: (headingId: string) => this.#show(headingId),
      pack: (job: JobView | null) => this.#pack(job),
    };
    const had = document.activeElement !== document.body;
    render(page(this.#state, answersAt(desk)), this.#root);
    // What had the focus is gone: the keyboard goes on nearby instead of at the top of the page.
    if (had && document.activeElement === document.body) {
      const heading = document.getElementById('alerts') ?? document.getElementById('bays');
      heading?.focus({ preventScroll: true });
    }
    this.#lead();
  }

  async #ask(asked: Promise<string | null>, done: string): Promise<boolean> {
    const refusal = await asked;
    this.#state = { ...this.#state, refusal, done: refusal === null ? done : null };
    this.#draw();
    if (refusal !== null) return false;
    this.#say(done);
    clearTimeout(this.#doneShown);
    this.#doneShown = setTimeout(() => {
      this.#state = { ...this.#state, done: null };
      this.#draw();
    }, DONE_SHOWN_MS);
    await this.#readPacking();
    return true;
  }

  #show(headingId: string): void {
    this.#wanted = headingId;
    this.#lead();
  }

  /** Leads to a heading that was asked for, once it is there. */
  #lead(): void {
    const heading = this.#wanted === undefined ? null : document.getElementById(this.#wanted);
    if (heading === null) return;
    this.#wanted = undefined;
    heading.focus();
  }

  #pack(job: JobView | null): void {
    const packing = job && { jobId: job.id, jobName: job.name, list: undefined };
    this.#state = { ...this.#state, packing };
    this.#draw();
    if (job === null) return;
    this.#show('packing-title');
    void this.#readPacking();
  }

  /** The list is not in the live view: it is read anew with each change while it is open. */
  async #readPacking(): Promise<void> {
    const { packing, view } = this.#state;
    if (packing === null) return;
    const job = view?.jobs.find(({ id }) => id === packing.jobId);
    if (job === undefined || isFinished(job)) return this.#pack(null);
    this.#reading += 1;
    const reading = this.#reading;
    const answer = await readPacking(packing.jobId);
    // A later one is on its way, or the list was closed.
    if (reading !== this.#reading || this.#state.packing?.jobId !== packing.jobId) return;
    const read =
      typeof answer === 'string' ? { refusal: answer } : { packing: { ...packing, list: answer } };
    this.#state = { ...this.#state, ...read };
    this.#draw();
  }

  /** One piece a line, and the last few stay: what is replaced at once is never read out. */
  #say(words: string): void {
    if (words === '') return;
    const line = document.createElement('p');
    line.textContent = words;
    this.#announcer.append(line);
    while (this.#announcer.childElementCount > LINES_KEPT) this.#announcer.firstChild?.remove();
  }
}

/** What of a view the open packing list speaks of: reading it at each tick of a copy helps nobody. */
function packingOf(view: StationView | undefined, { packing }: PageState): string {
  if (view === undefined || packing === null) return '';
  const drives = view.drives.filter(({ jobId }) => jobId === packing.jobId);
  const extras = view.disks.map(({ match }) => (match.kind === 'extra' ? match.extra : null));
  return JSON.stringify([
    view.jobs.find(({ id }) => id === packing.jobId),
    drives.map(({ driveId, state, bay }) => [driveId, state, bay]),
    extras.filter((extra) => extra?.jobId === packing.jobId),
    view.alerts.filter(({ jobId }) => jobId === packing.jobId).map(({ id }) => id),
  ]);
}

function connect(events: SocketEvents): LinkSocket {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = new WebSocket(`${scheme}://${location.host}/ws`);
  socket.addEventListener('open', () => events.opened());
  socket.addEventListener('message', (event) => events.received(event.data));
  socket.addEventListener('close', (event) => events.closed(event.reason || 'connection lost'));
  return { send: (text) => socket.send(text), drop: () => socket.close() };
}

const root = document.getElementById('page');
const announcer = document.getElementById('announcer');
if (root !== null && announcer !== null) {
  root.replaceChildren();
  new Console(root, announcer).start();
}
