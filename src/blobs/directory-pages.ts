import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { PageRange, WritePages } from './contract.ts';
import { CONTENT, WRITTEN } from './directory-layout.ts';
import { unlessMissing, writeAll } from './durable-file.ts';
import type { GroupSync } from './group-sync.ts';
import { blobRefusal, damagedOnItsWay } from './refusals.ts';
import { refused } from './rules.ts';

/**
 * Pages of a page blob in a directory. The content is a sparse file; which of its pages were written
 * stands in a log beside it, since zeros that were written are a range and a hole is not.
 *
 * The order is what makes the log true: pages are safe before it names them, and the call is answered
 * when the log is safe. After a power cut it may know too little, never too much.
 */

export async function writeInto(
  folder: string,
  pages: WritePages,
  syncs: GroupSync,
): Promise<void> {
  const { name, body, offsetBytes, md5 } = pages;
  // Before anything is written: in place there is nothing to take back.
  if (createHash('md5').update(body).digest('hex') !== md5.toLowerCase()) {
    throw damagedOnItsWay('write pages', name);
  }
  const content = path.join(folder, CONTENT);
  await using handle = await openToWrite(content, pages);
  if (offsetBytes + body.length > (await handle.stat()).size) {
    throw refused('write pages', `${name} ends before these pages do`);
  }
  await writeAll(handle, body, offsetBytes);
  await syncs.sync(content);
  const log = path.join(folder, WRITTEN);
  await using written = await open(log, 'a', 0o640);
  await writeAll(written, Buffer.from(logLine(offsetBytes, body.length)));
  await syncs.sync(log);
}

/** The ranges that were written, ascending and joined. */
export async function writtenRanges(folder: string): Promise<PageRange[]> {
  const log = (await unlessMissing(readFile(path.join(folder, WRITTEN), 'latin1'))) ?? '';
  const ranges = log.split('\n').flatMap(rangeOfLine);
  return joined(ranges.sort((a, b) => a.offsetBytes - b.offsetBytes));
}

async function openToWrite(content: string, { name }: WritePages): Promise<FileHandle> {
  const handle = await unlessMissing(open(content, 'r+'));
  if (handle === undefined) throw blobRefusal('blob-not-found', name);
  return handle;
}

/** Begins with the line feed, so that a line which a power cut tore cannot spoil the next one. */
function logLine(offsetBytes: number, lengthBytes: number): string {
  return `\n${offsetBytes}+${lengthBytes};`;
}

function rangeOfLine(line: string): PageRange[] {
  const [, offset, length] = /^(\d{1,15})\+(\d{1,15});$/u.exec(line) ?? [];
  if (offset === undefined || length === undefined) return [];
  return [{ offsetBytes: Number(offset), lengthBytes: Number(length) }];
}

function joined(ascending: readonly PageRange[]): PageRange[] {
  const ranges: PageRange[] = [];
  for (const range of ascending) {
    const last = ranges.at(-1);
    const end = last === undefined ? -1 : last.offsetBytes + last.lengthBytes;
    if (last === undefined || range.offsetBytes > end) {
      ranges.push(range);
      continue;
    }
    const lengthBytes = Math.max(end, range.offsetBytes + range.lengthBytes) - last.offsetBytes;
    ranges[ranges.length - 1] = { offsetBytes: last.offsetBytes, lengthBytes };
  }
  return ranges;
}
