import { WebSocket } from 'ws';
import { z } from 'zod';
import {
  Link,
  type LinkOptions,
  type LinkSocket,
  type LinkUpdate,
  type SocketEvents,
} from '../console/link.ts';
import { messageOf, StationError, throwIfCancelled } from '../errors.ts';
import { type ServerMessage, type StationView, serverMessage } from '../serve/wire.ts';
import { askStation, type StationAddress } from './http.ts';

export const DEFAULT_STATION_URL = 'http://127.0.0.1:8380';

/** The station, who asks it, and how patient the live view is. */
export interface StationClientOptions extends StationAddress {
  readonly link?: LinkOptions;
}

/** A view can be this large on a station with many jobs; a station never sends more. */
const MESSAGE_MAX_BYTES = 64 * 1024 * 1024;
const REQUEST_DEADLINE_MS = 15_000;

/** An answer that says no more than that it was done. */
const done = z.object({ ok: z.literal(true) });

/** A station seen from another process: its live view over WebSocket, its actions over HTTP. */
export class StationClient {
  readonly #options: StationClientOptions;

  constructor(options: StationClientOptions) {
    this.#options = options;
  }

  /**
   * Keeps a live view until the signal fires, through restarts of the station and losses of the
   * network. Resolves then; it never gives up by itself.
   */
  async follow(onUpdate: (update: LinkUpdate) => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const link = new Link(this.#options.link ?? {}, {
      connect: (events) => this.#connect(events),
      read: readMessage,
      onUpdate,
      random: () => Math.random(),
    });
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      link.start();
    });
    link.stop();
  }

  /** The view of this moment. Throws `station-unreachable` at the first failure. */
  async view(signal: AbortSignal): Promise<StationView> {
    throwIfCancelled(signal);
    const enough = new AbortController();
    let answer: StationView | undefined;
    let failure = 'it did not answer in time';
    const deadline = AbortSignal.timeout(REQUEST_DEADLINE_MS);
    await this.follow(
      ({ status, view }) => {
        if (view !== undefined) answer = view;
        if (status.kind === 'lost') failure = status.reason;
        if (status.kind !== 'connecting') enough.abort();
      },
      AbortSignal.any([signal, enough.signal, deadline]),
    );
    throwIfCancelled(signal);
    if (answer === undefined) throw this.#unreachable(failure);
    return answer;
  }

  /** Says which drive a disk is. Throws `station-refused`, `station-unreachable`. */
  async confirmDisk(
    confirmation: { readonly disk: string; readonly jobName: string; readonly driveId: string },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#post('/api/v1/disks/confirm', confirmation, signal);
  }

  /** Takes a drive out of `Faulted`. Throws `station-refused`, `station-unreachable`. */
  async retryDrive(jobName: string, driveId: string, signal: AbortSignal): Promise<void> {
    const [job, drive] = [encodeURIComponent(jobName), encodeURIComponent(driveId)];
    await this.#post(`/api/v1/jobs/${job}/drives/${drive}/retry`, {}, signal);
  }

  async #post(path: string, body: object, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    await askStation(this.#options, { method: 'POST', path, body, answer: done });
  }

  #unreachable(detail: string): StationError {
    const { url } = this.#options;
    const words = `no station answers at ${url}: ${detail}`;
    return new StationError('station-unreachable', words, { url, detail });
  }

  #connect(events: SocketEvents): LinkSocket {
    const url = new URL('/ws', this.#options.url);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url, {
      perMessageDeflate: false,
      handshakeTimeout: REQUEST_DEADLINE_MS,
      maxPayload: MESSAGE_MAX_BYTES,
    });
    let reason = 'the connection was closed';
    socket.on('open', () => events.opened());
    socket.on('message', (data, isBinary) => events.received(isBinary ? undefined : String(data)));
    socket.on('error', (error) => {
      reason = messageOf(error) || 'the connection failed';
    });
    socket.on('close', (_code, words) => events.closed(words.toString() || reason));
    return { send: (text) => socket.send(text), drop: () => socket.terminate() };
  }
}

function readMessage(data: unknown): ServerMessage | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    return serverMessage.parse(JSON.parse(data));
  } catch {
    // The link drops a station that sends anything else, and says so.
    return undefined;
  }
}
