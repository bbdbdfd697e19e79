/**
 * Forces files and directories to the disk, once for all who ask in the same moments. A thousand small
 * blobs that come at once all need their directory to be safe, but it need not be forced a thousand
 * times: whoever asks while it is being forced waits for the next time, which serves all of them.
 */
export class GroupSync {
  readonly #force: (path: string) => Promise<void>;
  readonly #queues = new Map<string, Queue>();

  constructor(force: (path: string) => Promise<void>) {
    this.#force = force;
  }

  /** Resolves when all that was done to the path before this call is safe. */
  sync(path: string): Promise<void> {
    const queue = this.#queues.get(path);
    if (queue === undefined) return this.#start(path);
    // What is running may have begun before our change; only the next one surely covers it.
    queue.next ??= queue.running.then(
      () => this.#start(path),
      () => this.#start(path),
    );
    return queue.next;
  }

  #start(path: string): Promise<void> {
    const queue: Queue = { running: this.#force(path), next: undefined };
    this.#queues.set(path, queue);
    const settled = () => {
      if (queue.next === undefined) this.#queues.delete(path);
    };
    queue.running.then(settled, settled);
    return queue.running;
  }
}

interface Queue {
  readonly running: Promise<void>;
  next: Promise<void> | undefined;
}
