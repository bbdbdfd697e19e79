import { createHash } from 'node:crypto';
import { constants, type FileHandle, open, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from '../src/errors.ts';
import { type ReaderEvent, readerOrderSchema } from './disk-reader.ts';

/** The child of `startReader`: reads a range of a disk and tells what it met, one JSON a line. */

const order = readerOrderSchema.parse(JSON.parse(process.argv[2] ?? ''));
// O_DIRECT wants an aligned buffer; the memory of a WebAssembly instance begins on a page.
const memory = new WebAssembly.Memory({ initial: order.chunkBytes / 65_536 });
const buffer = new Uint8Array(memory.buffer);

function tell(event: ReaderEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

type Outcome = { bytesRead: number; errno?: string };

async function readOnce(disk: FileHandle, offset: number): Promise<Outcome> {
  const left = order.offsetBytes + order.lengthBytes - offset;
  try {
    const { bytesRead } = await disk.read(buffer, 0, Math.min(order.chunkBytes, left), offset);
    return { bytesRead };
  } catch (error) {
    return { bytesRead: 0, errno: errnoOf(error) ?? 'unknown' };
  }
}

async function isGone(): Promise<boolean> {
  const size = readFile(`/sys/class/block/${basename(order.device)}/size`, 'utf8');
  return Number(await size.catch(() => '0')) === 0;
}

/** After an error a reader tries again, as programs do; this is what it then gets. */
async function retry(disk: FileHandle, offset: number): Promise<Outcome> {
  while (order.retriesWhenGone && !(await isGone())) await sleep(10);
  return readOnce(disk, offset);
}

const disk = await open(order.device, constants.O_RDONLY | (order.direct ? constants.O_DIRECT : 0));
const hash = createHash('sha256');
const end = order.offsetBytes + order.lengthBytes;
let offset = order.offsetBytes;
let last: Outcome = { bytesRead: 0 };
while (offset < end) {
  last = await readOnce(disk, offset);
  if (last.bytesRead === 0) break;
  hash.update(buffer.subarray(0, last.bytesRead));
  offset += last.bytesRead;
  tell({ event: 'read', offsetBytes: offset });
  if (order.pauseMs > 0) await sleep(order.pauseMs);
}
const bytesRead = offset - order.offsetBytes;
const sha256 = hash.digest('hex');
if (last.errno !== undefined) {
  const again = await retry(disk, offset);
  tell({
    event: 'error',
    bytesRead,
    sha256,
    errno: last.errno,
    again: again.errno ?? again.bytesRead,
  });
} else {
  tell({ event: offset < end ? 'early-end' : 'done', bytesRead, sha256 });
}
await disk.close();
