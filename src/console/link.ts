import type { ClientMessage, Cursor, ServerMessage, StationView } from '../serve/wire.ts';
import { applyChanges } from './apply.ts';

/** How the connection to the station stands. */
export type LinkStatus =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'lost'; readonly reason: string };

export interface LinkUpdate {
  readonly status: LinkStatus;
  /** The last view that arrived; while the link is lost it shows how things stood then. */
  readonly view: StationView | undefined;
  /** The daemon's version; another one after a reconnect means that it was updated meanwhile. */
  readonly version: string | undefined;
}

/** What a socket tells the link; `closed` comes once, whatever the reason. */
export interface SocketEvents {
  opened(): void;
  received(data: unknown): void;
  closed(reason: string): void;
}

export interface LinkSocket {
  send(text: string): void;
  /** Ends the connection without waiting for the other side. */
  drop(): void;
}

export interface LinkDependencies {
  /** Begins to connect. The events come later, never during the call. */
  connect(events: SocketEvents): LinkSocket;
  /** Reads a message; `undefined` when it is none of the protocol. */
  read(data: unknown): ServerMessage | undefined;
  onUpdate(update: LinkUpdate): void;
  /** 0 to 1; spreads the attempts of many clients after a restart of the daemon. */
  random(): number;
}

export interface LinkOptions {
  /** No message for this long means that the connection is dead: two missed heartbeats and a bit. */
  readonly silenceMs?: number;
  readonly firstRetryMs?: number;
  readonly maxRetryMs?: number;
}

const PROTOCOL_VERSIONS: [number, number] = [1, 1];
const SILENCE_MS = 35_000;
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 10_000;

/**
 * A live view of the station that mends itself. It reconnects for ever with capped back-off and
 * jitter, asks for what it missed by number, and takes a snapshot when that is gone or the daemon is
 * another run of itself. The page and the command line share it.
 */
export class Link {
  readonly #options: Required<LinkOptions>;
  readonly #deps: LinkDependencies;
  #socket: LinkSocket | undefined;
  #status: LinkStatus = { kind: 'connecting' };
  #view: StationView | undefined;
  #cursor: Cursor | undefined;
  #version: string | undefined;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(options: LinkOptions, dependencies: LinkDependencies) {
    this.#options = {
      silenceMs: SILENCE_MS,
      firstRetryMs: FIRST_RETRY_MS,
      maxRetryMs: MAX_RETRY_MS,
      ...options,
    };
    this.#deps = dependencies;
  }

  start(): void {
    this.#open();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    this.#socket?.drop();
  }

  /** Tries at once instead of at the end of the pause: the network is back, the page is looked at. */
  retryNow(): void {
    if (this.#status.kind !== 'lost' || this.#socket !== undefined) return;
    clearTimeout(this.#retry);
    this.#open();
  }

  #open(): void {
    if (this.#stopped) return;
    // Events of a socket that was given up are of no interest any more.
    const current = () => this.#socket === socket;
    const socket: LinkSocket = this.#deps.connect({
      opened: () => current() && this.#greet(),
      received: (data) => current() && this.#receive(data),
      closed: (reason) => current() && this.#lose(reason),
    });
    this.#socket = socket;
    this.#listenForSilence();
  }

  #greet(): void {
    const hello = { type: 'hello', protocol: PROTOCOL_VERSIONS } as const;
    this.#say(this.#cursor === undefined ? hello : { ...hello, resume: this.#cursor });
  }

  #receive(data: unknown): void {
    this.#listenForSilence();
    const message = this.#deps.read(data);
    if (message === undefined) this.#giveUp('The station sent something that is not understood.');
    else this.#take(message);
  }

  #take(message: ServerMessage): void {
    switch (message.type) {
      case 'hello':
        this.#version = message.station.version;
        // Until the first view of another run arrives, the numbers of the last one mean nothing.
        if (this.#cursor?.epoch !== message.epoch) this.#cursor = undefined;
        else this.#becomeLive();
        return;
      case 'snapshot':
        this.#view = message.view;
        this.#cursor = { epoch: message.epoch, sequence: message.sequence };
        this.#becomeLive();
        return;
      case 'delta':
        this.#advance(message);
        return;
      case 'ping':
        this.#say({ type: 'pong' });
        return;
      case 'error':
        this.#giveUp(message.message);
    }
  }

  #advance(delta: Extract<ServerMessage, { type: 'delta' }>): void {
    if (this.#cursor === undefined || this.#view === undefined) return;
    const missing = delta.sequence - this.#cursor.sequence;
    if (missing < 1) return;
    if (missing > 1) {
      this.#say({ type: 'resume', ...this.#cursor });
      return;
    }
    this.#view = applyChanges(this.#view, delta.changes);
    this.#cursor = { epoch: this.#cursor.epoch, sequence: delta.sequence };
    this.#becomeLive();
  }

  #becomeLive(): void {
    this.#failures = 0;
    this.#tell({ kind: 'live' });
  }

  #giveUp(reason: string): void {
    const socket = this.#socket;
    this.#lose(reason);
    socket?.drop();
  }

  #lose(reason: string): void {
    this.#socket = undefined;
    clearTimeout(this.#silence);
    if (this.#stopped) return;
    const { firstRetryMs, maxRetryMs } = this.#options;
    const pause = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#open(), pause * (0.5 + 0.5 * this.#deps.random()));
    this.#tell({ kind: 'lost', reason });
  }

  #listenForSilence(): void {
    clearTimeout(this.#silence);
    const { silenceMs } = this.#options;
    this.#silence = setTimeout(() => this.#giveUp('The station has gone silent.'), silenceMs);
  }

  #say(message: ClientMessage): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #tell(status: LinkStatus): void {
    this.#status = status;
    this.#deps.onUpdate({ status, view: this.#view, version: this.#version });
  }
}
