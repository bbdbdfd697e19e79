import { Worker } from 'node:worker_threads';
import { StationError } from '../errors.ts';

export interface HashThreadData {
  readonly memory: WebAssembly.Memory;
  readonly algorithm: 'md5' | 'sha256';
}

export interface HashRequest {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Given for the first block of a run: the blob's MD5 state before it. */
  readonly restartFrom?: string;
  /** Given for a blob's last block: the length of the whole blob. */
  readonly blobBytes?: number;
}

export interface BlockHashes {
  /** MD5 of the block, 32 hex digits: what the store verifies. */
  readonly md5: string;
  /** The blob's MD5 state after the block; after its last block, the blob's MD5. */
  readonly md5State: string;
  readonly sha256: string;
}

/** Two threads, one for MD5 and one for SHA-256, over blocks that lie in the ring. */
export class Hasher {
  readonly #md5: HashThread;
  readonly #sha256: HashThread;

  constructor(memory: WebAssembly.Memory) {
    this.#md5 = new HashThread({ memory, algorithm: 'md5' });
    this.#sha256 = new HashThread({ memory, algorithm: 'sha256' });
  }

  /** Blocks of a blob are handed over in order: the blob's MD5 runs on from call to call. */
  async hash(request: HashRequest): Promise<BlockHashes> {
    const [md5, sha256] = await Promise.all([this.#md5.ask(request), this.#sha256.ask(request)]);
    return { md5: md5[0] ?? '', md5State: md5[1] ?? '', sha256: sha256[0] ?? '' };
  }

  async close(): Promise<void> {
    await Promise.all([this.#md5.close(), this.#sha256.close()]);
  }
}

interface Asked {
  resolve(answer: readonly string[]): void;
  reject(error: Error): void;
}

/** A thread answers in the order it was asked, so the open questions are a queue. */
class HashThread {
  readonly #worker: Worker;
  readonly #asked: Asked[] = [];

  constructor(data: HashThreadData) {
    this.#worker = new Worker(new URL('./hash-thread.ts', import.meta.url), { workerData: data });
    this.#worker.on('message', (answer: readonly string[]) => this.#asked.shift()?.resolve(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(undefined));
  }

  ask(request: HashRequest): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  #fail(cause: unknown): void {
    const error = new StationError(
      'internal-error',
      'a hash thread ended',
      { detail: 'hash' },
      cause,
    );
    for (const asked of this.#asked.splice(0)) asked.reject(error);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
