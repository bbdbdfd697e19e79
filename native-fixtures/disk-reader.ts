import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { toolFailed } from '../src/loopback/run-tool.ts';

/** A process that reads a disk as a program does; a disk that hangs keeps only that process. */

const PROGRAM = join(import.meta.dirname, 'disk-reader-process.ts');
const MIB = 1024 * 1024;

export const readerOrderSchema = z.strictObject({
  device: z.string(),
  /** With O_DIRECT, past the page cache. */
  direct: z.boolean(),
  offsetBytes: z.int(),
  lengthBytes: z.int(),
  /** A multiple of 64 KiB. */
  chunkBytes: z.int(),
  /** Between two reads. */
  pauseMs: z.int(),
  /** Whether the one further attempt after an error waits until the kernel shows no disk there. */
  retriesWhenGone: z.boolean(),
});

export type ReaderOrder = z.output<typeof readerOrderSchema>;

const endSchema = z.discriminatedUnion('event', [
  /** The whole range was read. */
  z.strictObject({ event: z.literal('done'), bytesRead: z.int(), sha256: z.string() }),
  /** A read gave 0 bytes and no error before the end of the range. */
  z.strictObject({ event: z.literal('early-end'), bytesRead: z.int(), sha256: z.string() }),
  z.strictObject({
    event: z.literal('error'),
    bytesRead: z.int(),
    sha256: z.string(),
    errno: z.string(),
    /** What one further attempt at the same place gave: an errno or a number of bytes. */
    again: z.union([z.string(), z.int()]),
  }),
]);

const eventSchema = z.union([
  endSchema,
  z.strictObject({ event: z.literal('read'), offsetBytes: z.int() }),
]);

export type ReaderEnd = z.output<typeof endSchema>;
export type ReaderEvent = z.output<typeof eventSchema>;

export interface DiskReader {
  readonly pid: number | undefined;
  /** Settles when this many bytes from the start of the disk were passed, or the reader has ended. */
  reached(offsetBytes: number): Promise<void>;
  readonly end: Promise<ReaderEnd>;
  /** Ends the process and waits until it is gone. */
  kill(): Promise<void>;
}

export type ReadRange = Pick<ReaderOrder, 'offsetBytes' | 'lengthBytes'> & Partial<ReaderOrder>;

export function startReader(device: string, range: ReadRange): DiskReader {
  const defaults = { direct: true, chunkBytes: MIB, pauseMs: 0, retriesWhenGone: false };
  const order: ReaderOrder = { ...defaults, ...range, device };
  const args = ['--disable-warning=ExperimentalWarning', PROGRAM, JSON.stringify(order)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let passed = -1;
  let ended: ReaderEnd | undefined;
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    stderr += piece;
  });
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const event = eventSchema.parse(JSON.parse(line));
    if (event.event === 'read') passed = event.offsetBytes;
    else ended = event;
  });
  const end = closed.then(([exitCode]) => {
    if (ended === undefined) throw toolFailed('disk-reader', exitCode, stderr.trim());
    return ended;
  });
  end.catch(() => undefined);
  return {
    pid: child.pid,
    reached: async (offsetBytes) => {
      while (passed < offsetBytes && child.exitCode === null && child.signalCode === null) {
        await Promise.race([once(lines, 'line'), closed]);
      }
    },
    end,
    kill: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** Reads a range to its end in a process of its own. */
export function readDisk(device: string, range: ReadRange): Promise<ReaderEnd> {
  return startReader(device, range).end;
}
