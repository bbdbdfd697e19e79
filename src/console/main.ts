import { render } from 'lit-html';
import { askToConfirm } from './confirm-dialog.ts';
import { Link, type LinkSocket, type LinkUpdate, type SocketEvents } from './link.ts';
import { jobIdOf, pageModel } from './model.ts';
import { type PageState, page } from './page.ts';
import type { Answers } from './question.ts';
import { readMessage } from './read.ts';
import { checkIn, confirmDisk, retryDrive } from './requests.ts';

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
  };
  #version: string | undefined;
  #labels = new Map<string, string>();

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
    this.#state = { ...this.#state, status, view, seenAt };
    this.#draw();
    this.#announce();
  }

  #draw(): void {
    render(page(this.#state, this.#answers()), this.#root);
  }

  #answers(): Answers {
    const { status, view } = this.#state;
    const live = status.kind === 'live';
    return {
      disabled: !live,
      baysKnown: live && view?.station.detection.known === true,
      checkIn: view?.station.checkIn ?? null,
      confirm: async (disk, drive) => {
        if (!(await askToConfirm(disk, drive))) return;
        await this.#ask(confirmDisk(disk.key, jobIdOf(drive), drive.driveId));
      },
      retry: (drive) => this.#ask(retryDrive(drive.jobId, drive.driveId)),
      setCheckIn: (job) => this.#ask(checkIn(job?.id ?? null)),
    };
  }

  async #ask(asked: Promise<string | null>): Promise<void> {
    const refusal = await asked;
    this.#state = { ...this.#state, refusal };
    this.#draw();
  }

  /** Tells a screen reader which states changed; progress alone is not worth a word. */
  #announce(): void {
    const { view } = this.#state;
    if (view === undefined) return;
    const { bays, needsYou } = pageModel(view);
    const labels = new Map(bays.map((bay) => [bay.disk.bay, bay.words.label]));
    const news = [...labels].filter(([bay, label]) => this.#labels.get(bay) !== label);
    const gone = [...this.#labels.keys()].filter((bay) => !labels.has(bay));
    this.#labels = labels;
    document.title = `${needsYou > 0 ? `(${needsYou}) ` : ''}${view.station.name} · Drive Station`;
    const words = [
      ...news.map(([bay, label]) => `${bay}: ${label}.`),
      ...gone.map((bay) => `${bay}: empty.`),
    ];
    if (words.length > 0) this.#announcer.textContent = words.join(' ');
  }
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
