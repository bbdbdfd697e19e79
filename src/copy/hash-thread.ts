import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import type { HashRequest, HashThreadData } from './hashing.ts';
import { Md5 } from './md5.ts';

/**
 * One hash thread: it works on blocks in the ring's memory in the order they are handed over. The MD5
 * thread carries the blob's running state from block to block; SHA-256 is of each block alone.
 */

const { memory, algorithm }: HashThreadData = workerData;

function md5Worker(): (request: HashRequest) => string[] {
  const md5 = new Md5(memory, 0);
  let state = '';
  return (request) => {
    state = request.restartFrom ?? state;
    const hashed = md5.hash({
      offsetBytes: request.offsetBytes,
      lengthBytes: request.lengthBytes,
      state,
      ...(request.blobBytes === undefined ? {} : { blobBytes: request.blobBytes }),
    });
    state = hashed.state;
    return [hashed.md5, hashed.state];
  };
}

function sha256Worker(): (request: HashRequest) => string[] {
  return ({ offsetBytes, lengthBytes }) => {
    const block = Buffer.from(memory.buffer, offsetBytes, lengthBytes);
    return [createHash('sha256').update(block).digest('hex')];
  };
}

const work = algorithm === 'md5' ? md5Worker() : sha256Worker();
parentPort?.on('message', (request: HashRequest) => parentPort?.postMessage(work(request)));
