import { join } from 'node:path';
import type { StorageAccount } from '../blobs/contract.ts';
import { type Azurite, startAzurite } from '../demo/azurite.ts';
import { markedPath } from './processes.ts';
import type { Scratch } from './scratch.ts';

/** A real blob server for rehearsals, which can be stopped and come back where it was. */
export class Store implements AsyncDisposable {
  readonly #options: Parameters<typeof startAzurite>[0];
  #azurite: Azurite;

  private constructor(options: Parameters<typeof startAzurite>[0], azurite: Azurite) {
    this.#options = options;
    this.#azurite = azurite;
  }

  /** With a name it keeps its data there and finds it again; without one all is in memory. */
  static async start({ directory, mark }: Scratch, name?: string): Promise<Store> {
    const env = { ...process.env, PATH: markedPath(mark) };
    const kept = name === undefined ? {} : { directory: join(directory, name) };
    const options = { under: directory, env, ...kept };
    return new Store(options, await startAzurite(options));
  }

  get azurite(): Azurite {
    return this.#azurite;
  }

  get account(): StorageAccount {
    return { kind: 'connection-string', connectionString: this.#azurite.connectionString };
  }

  /** Ends the server in order. */
  async stop(): Promise<void> {
    await this.#azurite.stop();
  }

  /** SIGKILL: what it had not written down is lost. */
  async kill(): Promise<void> {
    process.kill(this.#azurite.pid, 'SIGKILL');
    await this.#azurite.stop();
  }

  /** Starts the server again at the same address, over the data that it kept. */
  async comeBack(): Promise<void> {
    await this.#azurite.stop();
    this.#azurite = await startAzurite({ ...this.#options, port: this.#azurite.port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#azurite.stop();
  }
}
