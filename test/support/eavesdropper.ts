import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from './daemon.ts';
import { familyOf } from './processes.ts';

/**
 * Somebody who sees everything that a station lets out, unparsed: its log, every answer, the live
 * feed, the arguments and environments of its processes, and the files of its state directory.
 */
export class Eavesdropper implements AsyncDisposable {
  readonly #daemon: Daemon;
  readonly #heard = new Map<string, Set<string>>();
  readonly #socket: WebSocket;
  readonly #end = new AbortController();
  readonly #watching: Promise<void>;

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
    this.#socket = new WebSocket(`${daemon.url.replace('http', 'ws')}/ws`);
    this.#socket.addEventListener('open', () => this.#socket.send(HELLO));
    this.#socket.addEventListener('message', ({ data }) => {
      const message = String(data);
      this.#keep('live feed', message);
      if (message.includes('"ping"')) this.#socket.send('{"type":"pong"}');
    });
    this.#watching = this.#watchProcesses();
  }

  /** Asks the station something, as a client would, and remembers the answer. */
  async ask(path: string, method = 'GET', body?: unknown): Promise<Answer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`${this.#daemon.url}${path}`, {
      method,
      ...(text === undefined
        ? {}
        : { body: text, headers: { 'content-type': 'application/json' } }),
    });
    const answer = await response.text();
    this.#keep(
      `${method} ${path.split('?')[0]}`,
      `${answer} ${JSON.stringify([...response.headers])}`,
    );
    return { status: response.status, body: parsed(answer) };
  }

  /** What somebody else heard, a command for instance. */
  note(where: string, text: string): void {
    this.#keep(where, text);
  }

  /** Where one of the secrets was seen so far, with what it stood in. */
  async find(secrets: readonly string[]): Promise<string[]> {
    const { output, stateDirectory } = this.#daemon;
    const files = await contentsOf(stateDirectory);
    const heard = [...this.#heard].map(([where, texts]) => [where, [...texts].join('\n')] as const);
    const places = [...heard, ['log', output.join('\n')] as const, ...files];
    return places.flatMap(([where, text]) =>
      secrets.filter((secret) => text.includes(secret)).map((secret) => `${where}: ${secret}`),
    );
  }

  /** What was looked at, to see that the search was one. */
  heard(where: string): readonly string[] {
    return [...(this.#heard.get(where) ?? [])];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#socket.close();
    await this.#watching;
  }

  #keep(where: string, text: string): void {
    const texts = this.#heard.get(where) ?? new Set();
    this.#heard.set(where, texts.add(text));
  }

  async #watchProcesses(): Promise<void> {
    while (!this.#end.signal.aborted) {
      for (const { pid, command } of await familyOf(this.#daemon.mark)) {
        this.#keep('arguments', command);
        const environment = readFile(`/proc/${pid}/environ`, 'latin1');
        this.#keep('environment', await environment.catch(() => ''));
      }
      await sleep(50);
    }
  }
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const HELLO = JSON.stringify({ type: 'hello', protocol: [1, 1] });

function parsed(text: string): unknown {
  return text === '' ? undefined : JSON.parse(text);
}

/** Every file below a directory with its bytes; one that goes meanwhile is left out. */
export async function contentsOf(directory: string): Promise<(readonly [string, string])[]> {
  const names = await readdir(directory, { recursive: true });
  const read = names.map(async (name) => {
    const file = join(directory, name);
    const isFile = await stat(file)
      .then((info) => info.isFile())
      .catch(() => false);
    return [name, isFile ? await readFile(file, 'latin1').catch(() => '') : ''] as const;
  });
  return await Promise.all(read);
}
