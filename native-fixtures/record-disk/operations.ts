import { open } from 'node:fs/promises';

/** What a record disk has written down: each operation with the paths inside the mount. */

export type Operation =
  | { readonly kind: 'create' | 'mkdir'; readonly inode: string; readonly path: string }
  | {
      readonly kind: 'write';
      readonly inode: string;
      readonly offsetBytes: number;
      readonly lengthBytes: number;
      /** Empty in a log of names only. */
      readonly bytes: Buffer;
    }
  | { readonly kind: 'truncate'; readonly inode: string; readonly sizeBytes: number }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'link'; readonly inode: string; readonly path: string }
  | { readonly kind: 'unlink' | 'rmdir'; readonly path: string }
  | { readonly kind: 'chmod'; readonly inode: string; readonly mode: number }
  | { readonly kind: 'sync' | 'sync-directory'; readonly inode: string }
  | { readonly kind: 'mark'; readonly words: string };

const LINE_FEED = 10;

/** The operations in a log from an offset on, and where the next ones will begin. */
export async function readOperations(
  log: string,
  fromBytes = 0,
): Promise<{ readonly operations: readonly Operation[]; readonly nextBytes: number }> {
  await using file = await open(log, 'r');
  const { size } = await file.stat();
  const bytes = Buffer.alloc(size - fromBytes);
  await file.read(bytes, 0, bytes.length, fromBytes);
  const operations: Operation[] = [];
  let at = 0;
  while (at < bytes.length) {
    const headEnd = bytes.indexOf(LINE_FEED, at);
    const head = bytes.toString('latin1', at, headEnd).split(' ');
    const payloadEnd = headEnd + 1 + Number(head[4]);
    operations.push(operationOf(head, bytes.subarray(headEnd + 1, payloadEnd)));
    at = payloadEnd + 1;
  }
  return { operations, nextBytes: size };
}

function operationOf(head: readonly string[], payload: Buffer): Operation {
  const [kind = '', inode = '', a, b] = head;
  const words = payload.toString();
  const [from = '', to = ''] = words.split('\0');
  switch (kind) {
    case 'create':
    case 'mkdir':
      return { kind, inode, path: words };
    case 'write':
      return { kind, inode, offsetBytes: Number(a), lengthBytes: Number(b), bytes: payload };
    case 'truncate':
      return { kind, inode, sizeBytes: Number(a) };
    case 'rename':
      return { kind, from, to };
    case 'link':
      return { kind, inode, path: to };
    case 'unlink':
    case 'rmdir':
      return { kind, path: words };
    case 'chmod':
      return { kind, inode, mode: Number(a) };
    case 'sync':
    case 'sync-directory':
      return { kind, inode };
    case 'mark':
      return { kind, words };
    default:
      throw new TypeError(`the log of a record disk has "${head.join(' ')}"`);
  }
}
