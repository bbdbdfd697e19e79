import type { FastifyBaseLogger } from 'fastify';
import type { RawData, WebSocket } from 'ws';
import type { Feed } from './feed.ts';
import {
  type ClientMessage,
  type Cursor,
  clientMessage,
  PROTOCOL_MAX,
  PROTOCOL_MIN,
  type ServerMessage,
} from './wire.ts';

/** Why the station ends a connection. 1001, 1006 and 1009 are WebSocket's own. */
export const CLOSE_CODES = {
  /** The station stops; try again. */
  goingAway: 1001,
  /** A message that is not JSON, is binary, or does not fit the schema, or came out of turn. */
  badMessage: 4400,
  /** No protocol version in common. */
  protocolUnsupported: 4406,
  /** No sign of life between two heartbeats, or no hello. */
  silent: 4408,
} as const;

export interface SessionOptions {
  readonly budgetBytes: number;
  readonly station: { readonly name: string; readonly version: string };
}

export interface SessionDependencies {
  readonly feed: Feed;
  readonly socket: WebSocket;
  readonly logger: FastifyBaseLogger;
}

/**
 * `waiting`: connected, no hello yet. `live`: gets every delta. `behind`: more waits in its socket
 * than the budget allows, so it gets nothing until that has drained, and then a fresh snapshot.
 */
type SessionState = 'waiting' | 'live' | 'behind' | 'ended';

/** One WebSocket client, from its upgrade to its end. Holds no queue: the socket's is the only one. */
export class Session {
  readonly #options: SessionOptions;
  readonly #feed: Feed;
  readonly #socket: WebSocket;
  readonly #logger: FastifyBaseLogger;
  #state: SessionState = 'waiting';
  #heard = true;

  constructor(options: SessionOptions, { feed, socket, logger }: SessionDependencies) {
    this.#options = options;
    this.#feed = feed;
    this.#socket = socket;
    this.#logger = logger;
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('error', (error) => logger.debug({ err: error }, 'client socket error'));
    socket.on('close', () => {
      this.#state = 'ended';
    });
  }

  get state(): SessionState {
    return this.#state;
  }

  /**
   * Passes one message on, already written as JSON because all clients get the same text. One that is
   * larger than the budget is still sent to a client that has read all before it.
   */
  deliver(text: string): void {
    if (this.#state !== 'live') return;
    const waitingBytes = this.#socket.bufferedAmount;
    if (waitingBytes > 0 && waitingBytes + text.length > this.#options.budgetBytes) {
      this.#state = 'behind';
      this.#logger.info({ waitingBytes }, 'client is slow; it gets a snapshot once it has drained');
      return;
    }
    this.#write(text);
  }

  /** Called at every heartbeat: ends a client that was silent since the last one, else pings it. */
  beat(): void {
    if (this.#state === 'ended') {
      this.#socket.terminate();
    } else if (!this.#heard) {
      this.#refuse('silent', 'nothing was heard between two heartbeats');
    } else {
      this.#heard = false;
      if (this.#state === 'live') this.#send({ type: 'ping' });
    }
  }

  end(): void {
    this.#state = 'ended';
    this.#socket.close(CLOSE_CODES.goingAway, 'the station is stopping');
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#state === 'ended') return;
    this.#heard = true;
    const message = isBinary ? undefined : parse(data.toString());
    if (message === undefined) {
      this.#refuse('badMessage', 'the message is not one of the protocol');
      return;
    }
    this.#answer(message);
  }

  #answer(message: ClientMessage): void {
    switch (message.type) {
      case 'hello':
        if (this.#state === 'waiting') this.#greet(message.protocol, message.resume);
        else this.#refuse('badMessage', 'hello was said before');
        return;
      case 'resume':
        if (this.#state === 'waiting') this.#refuse('badMessage', 'say hello first');
        else if (this.#state === 'live') this.#catchUp(message);
        return;
      case 'pong':
        return;
    }
  }

  #greet([min, max]: readonly [number, number], resume: Cursor | undefined): void {
    const protocol = Math.min(max, PROTOCOL_MAX);
    if (protocol < Math.max(min, PROTOCOL_MIN)) {
      const words = `this station speaks protocol ${PROTOCOL_MIN} to ${PROTOCOL_MAX}`;
      this.#refuse('protocolUnsupported', words);
      return;
    }
    const { epoch } = this.#feed;
    this.#send({ type: 'hello', protocol, station: this.#options.station, epoch });
    this.#state = 'live';
    if (resume === undefined) this.#sendSnapshot();
    else this.#catchUp(resume);
  }

  /** The missed deltas, or a snapshot when they are gone or would be more to read than that. */
  #catchUp(cursor: Cursor): void {
    const missed = this.#feed.sinceCursor(cursor);
    if (missed === 'too-old') {
      this.#sendSnapshot();
      return;
    }
    const deltas = missed.map((delta) => JSON.stringify(delta));
    const snapshot = JSON.stringify(this.#feed.snapshot());
    const length = deltas.reduce((sum, delta) => sum + delta.length, 0);
    if (length > snapshot.length) this.deliver(snapshot);
    else for (const delta of deltas) this.deliver(delta);
  }

  #sendSnapshot(): void {
    this.deliver(JSON.stringify(this.#feed.snapshot()));
  }

  #send(message: ServerMessage): void {
    this.#write(JSON.stringify(message));
  }

  #write(text: string): void {
    this.#socket.send(text, (error) => {
      if (error === undefined || error === null) this.#drained();
    });
  }

  #drained(): void {
    if (this.#state !== 'behind' || this.#socket.bufferedAmount > 0) return;
    this.#state = 'live';
    this.#heard = true;
    this.#sendSnapshot();
  }

  #refuse(why: Exclude<keyof typeof CLOSE_CODES, 'goingAway'>, words: string): void {
    const code = ERROR_WORDS[why];
    this.#logger.info({ code, words }, 'client refused');
    this.#send({ type: 'error', code, message: words });
    this.#state = 'ended';
    this.#socket.close(CLOSE_CODES[why], words);
  }
}

const ERROR_WORDS = {
  badMessage: 'bad-message',
  protocolUnsupported: 'protocol-unsupported',
  silent: 'silent',
} as const;

function parse(text: string): ClientMessage | undefined {
  try {
    return clientMessage.parse(JSON.parse(text));
  } catch {
    // Whatever was wrong with it, the client cannot go on: it does not speak this protocol.
    return undefined;
  }
}
